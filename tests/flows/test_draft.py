"""A contract drafted from one delivery: parses, finds what matters, and holds nobody's name."""

from pathlib import Path

import pytest
import yaml

from flows.draft import draft_contract
from flows.partners import find_partners
from flows.read import LandedFile, read_delivery
from schemas.partner import parse_contract

PROJECT = Path(__file__).parents[2]
PARTNERS = find_partners(PROJECT / "raw").usable


def newest(partner):
    return sorted(path for path in (partner.folder / "sample").rglob("*") if path.is_file())[-1]


@pytest.mark.parametrize("partner", PARTNERS, ids=lambda partner: partner.partner_id)
def test_a_draft_finds_what_a_person_found(partner):
    text = draft_contract(newest(partner), partner.country_code, "NEW")
    draft = parse_contract(text, Path("partner.yml"))
    real = partner.contract
    assert draft.file.format == real.file.format
    if real.file.format == "csv":
        assert draft.file.encoding == real.file.encoding
        assert draft.file.delimiter.replace("\\t", "\t") == real.file.delimiter.replace("\\t", "\t")
    assert draft.file.header_row == real.file.header_row
    wanted = {"full_name", "surname", "given_name", "birth_date", "age", "phones", "course_code", "training_date"}
    for name in wanted & set(real.columns):
        assert draft.columns[name].header == real.columns[name].header, name
    assert draft.dates.calendar == real.dates.calendar
    assert draft.dates.order == real.dates.order
    known = real.lookups["sex"].words
    if partner.country_code != "PH":  # 1 and 2 mean what the heading says, which no word list knows
        folded = {ours: {word.casefold() for word in words} for ours, words in known.items()}
        for ours, words in draft.lookups["sex"].words.items():
            assert {word.casefold() for word in words} <= folded[ours]


@pytest.mark.parametrize("partner", PARTNERS, ids=lambda partner: partner.partner_id)
def test_a_draft_holds_nobodys_name_or_number(partner):
    path = newest(partner)
    text = draft_contract(path, partner.country_code, "NEW")
    rows = read_delivery([LandedFile(path, path.name)], partner.contract)
    personal = set()
    for name in ("full_name", "surname", "given_name", "phones", "email", "national_id", "member_id"):
        for header in partner.contract.columns[name].header or () if name in partner.contract.columns else ():
            at = rows.header.index(header) if header in rows.header else None
            personal |= {row[at].strip() for row in rows.cells if at is not None and len(row[at].strip()) >= 5}
    assert personal
    written = {str(item) for item in walk(yaml.safe_load(text))}
    assert written.isdisjoint(personal - set(partner.contract.missing))
    assert not [value for value in personal if f"'{value}'" in text]


def walk(node):
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value)
    else:
        yield node


def test_what_cannot_be_guessed_is_a_todo_that_still_parses(tmp_path):
    file = tmp_path / "list.csv"
    file.write_text("Name,Gender,Remarks\nAn Invented One,F,x\n")
    text = draft_contract(file, "TL", "COOP")
    contract = parse_contract(text, Path("partner.yml"))
    assert contract.columns["training_date"].header == ("TODO",)
    assert "# TODO" in text
    assert contract.ignore == ("Remarks",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04broken", "no workbook"),
        (b"{}", "no page of KoboToolbox"),
        (b"1\n2\n", "headings"),
    ],
)
def test_what_is_no_table_is_said(tmp_path, content, said):
    file = tmp_path / "delivery"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=said):
        draft_contract(file, "TL", "COOP")


def test_a_month_and_buddhist_year_in_the_name_are_recognised(tmp_path):
    file = tmp_path / "รายชื่อ_กรกฎาคม2563.csv"
    file.write_text("ชื่อ-นามสกุล,รหัสหลักสูตร,วันที่อบรม\nสมมติ,DL101,1/7/2563\n", encoding="cp874")
    contract = parse_contract(draft_contract(file, "TH", "ONE"), Path("partner.yml"))
    assert (contract.delivery.calendar, contract.dates.calendar, contract.file.encoding) == (
        "buddhist",
        "buddhist",
        "cp874",
    )
