"""Period and revision out of names as partners really write them, and files grouped into deliveries."""

import datetime as dt

import pytest

from flows.intake.deliveries import group_deliveries
from flows.intake.file_names import PeriodError, read_name
from schemas.contract_parts import Delivery
from warehouse.vault.landed import Landed

YEAR_MONTH = r"(?P<year>\d{4})-?(?P<month>\d{2})"
MONTH_WORD = r"(?P<month>[^\W\d_]+)\W?(?P<year>\d{2,4})"


@pytest.mark.parametrize(
    ("name", "pattern", "period", "revision"),
    [
        ("2020-10-05/TYM_DaoTaoSo_092020.csv", r"_(?P<month>\d{2})(?P<year>\d{4})", "2020-09", 0),
        ("x/TYM_DaoTaoSo_092020_final.csv", r"_(?P<month>\d{2})(?P<year>\d{4})", "2020-09", 1),
        ("x/Copy of TYM_DaoTaoSo_102021.csv", r"_(?P<month>\d{2})(?P<year>\d{4})", "2021-10", 0),
        ("x/GDA_KH_Apr2021_REVISED.xlsx", MONTH_WORD, "2021-04", 1),
        ("x/GDA_KH_Apr2021 (1).xlsx", MONTH_WORD, "2021-04", 0),
        ("x/brunei_gda_to_Mar21.csv", r"to_" + MONTH_WORD, "2021-03", 0),
        ("x/FW_2021-07 masterlist.xlsx", YEAR_MONTH, "2021-07", 0),
        ("x/2021-07 masterlist - Copy.xlsx", YEAR_MONTH, "2021-07", 0),
        ("x/2021-07 masterlist_v2.xlsx", YEAR_MONTH, "2021-07", 1),
        ("x/2021-07 masterlist v1.xlsx", YEAR_MONTH, "2021-07", 0),
        ("x/2021-07 masterlist version 3.xlsx", YEAR_MONTH, "2021-07", 2),
        ("x/log 2021-Q3.csv", r"(?P<year>\d{4})-Q(?P<quarter>\d)", "2021-Q3", 0),
        ("x/day 2021-03-09.csv", YEAR_MONTH + r"-(?P<day>\d{2})", "2021-03-09", 0),
        # the pattern's own words are no revision
        ("x/final list 2021-07.csv", r"final list " + YEAR_MONTH, "2021-07", 0),
    ],
)
def test_period_and_revision_are_read_from_the_name(name, pattern, period, revision):
    named = read_name(name, Delivery(kind="monthly", file_name=pattern))
    assert (named.period, named.revision) == (period, revision)


@pytest.mark.parametrize(
    ("stem", "period"),
    [("รายชื่อผู้อบรม_กรกฎาคม2563", "2020-07"), ("รายชื่อผู้อบรม_ธันวาคม๒๕๖๔", "2021-12"), ("list_ก.พ.64", "2021-02")],
)
def test_thai_months_and_buddhist_years_in_names(stem, period):
    contract = Delivery(kind="monthly", calendar="buddhist", file_name=r"_(?P<month>[^\d_]+)(?P<year>[\d๐-๙]{2,4})")
    assert read_name(f"{stem}.csv", contract).period == period


def test_a_folder_of_pages_is_named_by_its_folder():
    contract = Delivery(kind="snapshot", unit="folder", file_name=r"snapshot_(?P<year>\d{4})(?P<month>\d{2})")
    assert read_name("2020-10-10/snapshot_202009", contract).period == "2020-09"


def test_a_name_that_does_not_match_says_what_to_do():
    with pytest.raises(PeriodError, match="delivery.ignore_files"):
        read_name("notes.csv", Delivery(kind="monthly", file_name=YEAR_MONTH))


def test_a_month_that_is_none_is_refused():
    with pytest.raises(PeriodError, match="month"):
        read_name("list 2021-13.csv", Delivery(kind="monthly", file_name=YEAR_MONTH))


def landed(name: str, sha: str, *, hour: int = 0, source: str = "s", sample: bool = False) -> Landed:
    return Landed(
        "TL-ONE",
        "TL",
        name,
        source,
        sample,
        dt.date(2021, 1, 1),
        1,
        sha,
        f"xx/{sha}",
        dt.datetime(2021, 1, 1, hour),
    )


def test_a_file_is_a_delivery_and_the_same_file_from_two_sources_is_one():
    contract = Delivery(kind="monthly")
    found = group_deliveries([landed("a.csv", "1"), landed("a.csv", "1", source="t"), landed("b.csv", "2")], contract)
    assert [item.name for item in found] == ["a.csv", "b.csv"]


def test_a_file_changed_in_place_is_another_delivery():
    found = group_deliveries([landed("a.csv", "1"), landed("a.csv", "2", hour=1)], Delivery(kind="monthly"))
    assert len({item.delivery_id for item in found}) == 2


def test_a_sample_that_also_arrives_for_real_is_real():
    rows = [landed("a.csv", "1", sample=True), landed("a.csv", "1", source="t", hour=2)]
    (found,) = group_deliveries(rows, Delivery(kind="monthly"))
    assert [row.is_sample for row in found.seen] == [False]


def test_a_folder_of_pages_is_one_delivery_with_the_newest_version_of_each():
    contract = Delivery(kind="snapshot", unit="folder")
    pages = [landed("s/p1.json", "1"), landed("s/p2.json", "2"), landed("s/p2.json", "3", hour=5)]
    (found,) = group_deliveries(pages, contract)
    assert [row.sha256 for row in found.seen] == ["1", "3"]
    assert group_deliveries(pages[::-1], contract) == (found,)
