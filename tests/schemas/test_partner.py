"""A contract is held to its vocabulary, and an error says file, line, and what to edit."""

from pathlib import Path

import pytest

from schemas.contract_parts import Dates
from schemas.partner import ContractError, load_contract, parse_contract
from tests.conftest import PROJECT

GOOD = """name: Invented partner
delivery:
  kind: monthly
file:
  format: csv
columns:
  full_name: Name
  sex: Sex
  course_code: Course
  training_date: Day
lookups:
  sex: {F: F, M: M}
"""
FILE = Path("raw/TL/ONE/partner.yml")


@pytest.mark.parametrize("path", sorted(PROJECT.glob("raw/*/*/partner.yml")), ids=lambda path: path.parent.name)
def test_every_shipped_contract_parses(path):
    assert load_contract(path).examples


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("  kind: monthly", "  kind: monthly\n  colour: red", 4, "delivery.colour: unknown key"),
        ("name: Invented partner", "name: X\nsurprise: 1", 2, "surprise: unknown key"),
        ("kind: monthly", "kind: weekly", 3, "'monthly', 'cumulative', 'snapshot' or 'append'"),
        ("format: csv", "format: csv\n  encoding: windows-9999", 4, "unknown encoding 'windows-9999'"),
        ("format: csv", "format: csv\n  subtotal: '(['", 6, "not a regular expression"),
        ("format: csv", "format: csv_pair", 4, "needs both `parent` and `child`"),
        ("  full_name: Name\n", "", 6, "say where the name is"),
        ("  training_date: Day\n", "", 6, "training_date is missing"),
        ("full_name: Name", "full_name: Name\n  shoe_size: Shoe", 6, "'shoe_size' is not one of ours"),
        (
            "full_name: Name",
            "full_name: {header: Name, constant: x}",
            7,
            "exactly one of header, sheet, file, constant",
        ),
        ("full_name: Name", "full_name: {sheet: '.+'}", 7, r"needs a group \(\?P<value>"),
        ("sex: {F: F, M: M}", "sex: {F: F, Q: M}", 11, "sex cannot become Q"),
        ("kind: monthly", "kind: monthly\n  revisions: {late: often}", 4, "delivery.revisions.late: .* valid integer"),
        ("format: csv", "format: [csv]", 5, "file.format: "),
        ("format: csv", "format: csv\n  header_row: 0", 6, "header_row: .* greater than or equal to 1"),
        ("format: csv", "format: csv\n: - [", 6, "not valid YAML"),
        ("lookups:\n  sex: {F: F, M: M}", "", None, "lookups: sex is missing"),
        ("  sex: Sex\n", "  sex: Sex\n  sex: Gender\n", 9, "'sex' stands here twice"),
    ],
)
def test_a_mistake_is_named_with_its_line(old, new, line, said):
    assert old in GOOD
    with pytest.raises(ContractError, match=said) as caught:
        parse_contract(GOOD.replace(old, new), FILE)
    assert str(caught.value).startswith(str(FILE))
    if line is not None:
        assert f"line {line}:" in str(caught.value)


def test_all_mistakes_are_named_at_once():
    with pytest.raises(ContractError) as caught:
        parse_contract(GOOD.replace("kind: monthly", "kind: weekly").replace("format: csv", "format: word"), FILE)
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(("text", "said"), [("", "empty"), ("name: [", "not valid YAML"), ("a: b: c", "line 1")])
def test_what_is_no_contract_is_said(text, said):
    with pytest.raises(ContractError, match=said):
        parse_contract(text, FILE)


def test_a_missing_contract_says_how_to_draft_one(tmp_path):
    with pytest.raises(ContractError, match="godigital partner new"):
        load_contract(tmp_path / "partner.yml")


def test_every_value_is_text():
    text = GOOD.replace("missing", "") + "missing: [no, 2020-07, null word, '']\n"
    assert parse_contract(text, FILE).missing == ("no", "2020-07", "null word", "")


@pytest.mark.parametrize("word", ["NO", "no", "No", "off", "yes", "1", "1.50", "2020-07-01"])
def test_a_word_that_yaml_would_convert_stays_as_written(word):
    text = GOOD.replace("name: Invented partner", f"name: X\nphone_region: {word}")
    contract = parse_contract(text.replace("M: M}", f"M: [M, {word}]}}"), FILE)
    assert contract.phone_region == word
    assert contract.lookups["sex"].words["M"] == ("M", word)


def test_one_value_may_stand_for_a_list():
    contract = parse_contract(GOOD + "row_number: No\n", FILE)
    assert contract.row_number == ("No",)
    assert contract.columns["full_name"].header == ("Name",)
    assert Dates(order=("dmy", "ymd")).order == ("dmy", "ymd")
