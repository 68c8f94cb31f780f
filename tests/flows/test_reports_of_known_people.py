"""Where it is known who is who, every table equals the truth: reports are tested apart from the linkage."""

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from flows.run.result import RunResult
from flows.settings import Settings
from schemas.programme import load_programme
from tests.warehouse.tiny_vault import read_table, release_info
from warehouse.evaluation.truth import join_truth, read_accepted, read_truth
from warehouse.identity.calibration import store_quality
from warehouse.identity.linkage.model import load_model
from warehouse.release.build import build_release
from warehouse.storage.data_folder import DataFolder

pytestmark = pytest.mark.xdist_group("kit")
FIGURES = {
    "people": "trainees",
    "women": "women",
    "youth": "youth",
    "msme": "msme_owners",
    "jobseeker": "job_seekers",
    "disability": "with_disability",
    "indigenous": "indigenous",
}


# of a figure: column and value in the release, column and value in the truth
_ATTRIBUTES = {
    "women": ("sex", "F", "sex", "F"),
    "youth": ("is_youth", True, "youth", True),
    "msme": ("trainee_type", "msme_owner", "trainee_type", "msme_owner"),
    "jobseeker": ("trainee_type", "job_seeker", "trainee_type", "job_seeker"),
    "disability": ("has_disability", True, "disability", True),
    "indigenous": ("is_indigenous", True, "indigenous", True),
}


def build_of_known_people(settings: Settings, truth: Path, folder: Path) -> Path:
    """Build a release in which everybody is who the truth says, from a copy of a vault."""
    vault = folder / "vault.duckdb"
    shutil.copyfile(DataFolder(settings.data).vault, vault)
    with duckdb.connect(str(vault)) as con:
        known = join_truth(read_accepted(con), read_truth(truth)).records
        assert len(known) == con.execute("SELECT count(*) FROM record WHERE disposition = 'accepted'").fetchone()[0]
        con.register("known", known[["record_id", "person_id"]])
        con.execute("UPDATE register SET trainee_id = person_id FROM known WHERE known.record_id = register.record_id")
        con.unregister("known")
        store_quality(con, load_model())
        build_release(con, folder / "release.duckdb", release_info(1))
    return folder / "release.duckdb"


@pytest.fixture(scope="module")
def release(
    devkit: Path, kit: tuple[Settings, RunResult], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A release of the development kit in which everybody is who the truth says."""
    built = build_of_known_people(kit[0], devkit / "truth", tmp_path_factory.mktemp("known"))
    with duckdb.connect(str(built), read_only=True) as con:
        yield con


@pytest.fixture(scope="module")
def totals(release: duckdb.DuckDBPyConnection, devkit: Path) -> dict[str, dict[str, int]]:
    """Figures of the truth by country attended, and ALL.

    The truth takes attributes from the first training that took place. Where no valid row tells of it, no report can
    know; for those few people what the release says stands in for the truth.
    """
    said = json.loads((devkit / "truth" / "totals.json").read_text())
    figures = said["by_country_attended"] | {"ALL": said["overall"]}
    truth = pd.read_parquet(devkit / "truth" / "people.parquet").set_index("person_id")
    found = release.execute("FROM core_trainee").df().set_index("trainee_id")
    truth = truth.loc[found.index]
    late = found.index[pd.to_datetime(found["first_training_date"]) != pd.to_datetime(truth["first_training"])]
    late = late.union(found.index[found["sex"].isna()])
    assert 0 < len(late) < 0.06 * len(found)
    places = release.execute(
        "SELECT DISTINCT country_code, trainee_id FROM core_attendance UNION SELECT 'ALL', trainee_id FROM core_trainee"
    ).fetchall()
    for country, person in places:
        if person in late:
            for figure, (column, value, told, true) in _ATTRIBUTES.items():
                figures[country][figure] += int(
                    found.loc[person, column] is not pd.NA and found.loc[person, column] == value
                )
                figures[country][figure] -= int(truth.loc[person, told] == true)
    return figures


def test_reach_is_the_truth_in_every_country(
    release: duckdb.DuckDBPyConnection, totals: dict[str, dict[str, int]]
) -> None:
    found = release.execute("FROM report_reach").df().set_index("country_code")
    assert {
        country: {figure: int(found.loc[country, column]) for figure, column in FIGURES.items()} for country in totals
    } == totals
    assert set(found.index) == set(totals)


def test_the_long_table_tells_the_same(release: duckdb.DuckDBPyConnection, totals: dict[str, dict[str, int]]) -> None:
    for dimension, value, figure in (
        ("all", "all", "people"),
        ("sex", "F", "women"),
        (load_programme().youth_band, "yes", "youth"),
        ("trainee_type", "job_seeker", "jobseeker"),
        ("is_indigenous", "yes", "indigenous"),
    ):
        found = release.execute(
            "SELECT country_code, people FROM report_reach_by WHERE quarter = 'ALL' AND dimension = ? "
            "AND dimension_value = ? AND indicator_code = 'people_reached'",
            [dimension, value],
        ).fetchall()
        assert dict(found) == {country: figures[figure] for country, figures in totals.items() if figures[figure]}


def test_partners_reach_whom_the_truth_says(release: duckdb.DuckDBPyConnection, devkit: Path) -> None:
    found = release.execute(
        "SELECT dimension_value, people FROM report_reach_by WHERE country_code = 'ALL' AND quarter = 'ALL' "
        "AND dimension = 'partner_id'"
    ).fetchall()
    assert dict(found) == json.loads((devkit / "truth" / "totals.json").read_text())["by_partner"]


def test_every_cell_is_counted_right(release: duckdb.DuckDBPyConnection) -> None:
    """All cells of some crossings, counted again in another way from people and attendances."""
    people = release.execute("FROM core_trainee").df()
    seen = release.execute("FROM core_attendance").df().merge(people, on="trainee_id", suffixes=("", "_home"))
    day = pd.to_datetime(seen["training_date"])
    seen["quarter"] = day.dt.year.astype(str) + "-Q" + day.dt.quarter.astype(str)
    for name in ("is_youth", "has_disability", "is_indigenous", "is_rural"):
        seen[name] = seen[name].map({True: "yes", False: "no"}).fillna("not stated")
    for name in ("sex", "age_band", "trainee_type"):
        seen[name] = seen[name].fillna("not stated")
    for one, other in (("sex", "age_band"), ("is_youth", "course_code"), ("has_disability", "partner_id")):
        counted = seen.groupby(["country_code", "quarter", one, other])["trainee_id"].nunique()
        found = release.execute(
            "SELECT country_code, quarter, dimension_value, people FROM report_reach_by "
            "WHERE country_code <> 'ALL' AND quarter <> 'ALL' AND dimension = ? AND indicator_code = 'people_reached'",
            [f"{one} x {other}"],
        ).fetchall()
        assert {(country, quarter, value): people for country, quarter, value, people in found} == {
            (country, quarter, f"{left} x {right}"): people
            for (country, quarter, left, right), people in counted.items()
        }


def test_targets_stand_where_the_truth_does(
    release: duckdb.DuckDBPyConnection, totals: dict[str, dict[str, int]]
) -> None:
    found = release.execute("FROM report_target WHERE is_latest").df().set_index("target_code")
    assert found.loc["people_all", "actual_value"] == totals["ALL"]["people"]
    assert found.loc["people_kh", "actual_value"] == totals["KH"]["people"]
    assert found.loc["women_all", "actual_value"] == pytest.approx(totals["ALL"]["women"] / totals["ALL"]["people"])
    assert found.loc["youth_all", "band_code"] == "youth_15_35"
    assert found.loc["youth_all", "people"] > totals["ALL"]["youth"]


def test_reasons_are_those_of_the_truth(release: duckdb.DuckDBPyConnection, devkit: Path) -> None:
    rejected = dict(
        release.execute("SELECT reason_code, sum(rows_rejected) FROM report_rejection GROUP BY 1").fetchall()
    )
    # what is wrong in a superseded delivery is no longer rejected
    said = json.loads((devkit / "truth" / "totals.json").read_text())["rows"]["by_reason"]
    assert all(rejected[reason] <= said[reason] for reason in ("missing_name", "unknown_course", "hours_negative"))
    assert min(rejected.values()) > 0


def test_the_same_vault_gives_the_same_bytes(kit: tuple[Settings, RunResult], devkit: Path, tmp_path: Path) -> None:
    hashes = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        release = build_of_known_people(kit[0], devkit / "truth", tmp_path / name)
        rows = {table: read_table(release, table) for table in ("report_reach_by", "report_target", "report_course")}
        hashes.append(json.dumps(rows, default=lambda day: day.isoformat() if isinstance(day, dt.date) else str(day)))
    assert hashes[0] == hashes[1]
