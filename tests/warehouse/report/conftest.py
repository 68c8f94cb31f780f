"""Reports of releases: the shipped samples, and a small one with everything that a report can show."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.warehouse.tiny_vault import TinyVault
from warehouse.report.render import make_report

EVIL = """Village <script>alert("x")</script> & 'sons'"""

OUTCOMES = """
DELETE FROM report_outcome;
INSERT INTO report_outcome BY NAME
SELECT
    '2021-05' AS survey_round, 'moved_business_online' AS indicator_code, dimension, dimension_value,
    40::BIGINT AS respondents, people, denominator,
    share_unweighted::DOUBLE AS share_unweighted, unweighted_low::DOUBLE AS unweighted_low,
    unweighted_high::DOUBLE AS unweighted_high, share_weighted::DOUBLE AS share_weighted,
    weighted_low::DOUBLE AS weighted_low, weighted_high::DOUBLE AS weighted_high,
    1.2::DOUBLE AS design_effect, 33.0 AS effective_answers, 4 AS cells_used, 0 AS cells_collapsed,
    'The business, or part of it, has moved online since the training' AS indicator_title,
    'owners who answered' AS denominator_text, 'nothing' AS may_be_added_over, TRUE AS is_sample
FROM (VALUES
    ('all', 'all', 31, 40, 0.775, 0.62, 0.88, 0.7523, 0.59, 0.86),
    ('country_code', 'VN', 20, 25, 0.8, 0.61, 0.91, NULL, NULL, NULL),
    ('sex', 'F', 17, 22, 0.7727, 0.57, 0.9, 0.7523, 0.55, 0.88),
    ('trainee_type', 'msme_owner', 31, 40, 0.775, 0.62, 0.88, 0.7523, 0.59, 0.86)
) AS line(dimension, dimension_value, people, denominator, share_unweighted, unweighted_low, unweighted_high,
    share_weighted, weighted_low, weighted_high)
"""
# outcomes beside each other
MORE_OUTCOMES = """
INSERT INTO report_outcome
SELECT * REPLACE ('business_kept_running' AS indicator_code, 'The business was kept running' AS indicator_title)
FROM report_outcome
"""
RESTATEMENTS = """
DELETE FROM report_restatement;
INSERT INTO report_restatement BY NAME
SELECT
    baseline, 3 AS baseline_release, country_code, indicator_code, figure_before, figure_after, difference,
    by_new_delivery, by_identity_merge, 0 AS by_model
FROM (VALUES
    ('previous', 'ALL', 'people_reached', 1200, 1234, 34, 36, -2),
    ('previous', 'ALL', 'women', 700, 700, 0, 0, 0),
    ('frozen:annual <2021>', 'ALL', 'people_reached', 1300, 1234, -66, 0, -66)
) AS line(baseline, country_code, indicator_code, figure_before, figure_after, difference, by_new_delivery,
    by_identity_merge)
"""
FROZEN = """
DELETE FROM report_frozen;
INSERT INTO report_frozen BY NAME
SELECT
    'mid-year <2021>' AS frozen_label, 2 AS release_number, DATE '2022-01-15' AS frozen_date, 'ALL' AS country_code,
    'people_reached' AS indicator_code, 1300 AS figure_reported, 1234 AS figure_now, -66 AS difference
"""


@pytest.fixture(scope="session")
def demo_report(demo, tmp_path_factory) -> Path:
    """Folder of the report of all shipped samples."""
    settings, _ = demo
    folder = tmp_path_factory.mktemp("report")
    make_report(settings.data / "warehouse.duckdb", folder)
    return folder


@pytest.fixture(scope="session")
def rich_release(tmp_path_factory) -> Path:
    """A release with a survey, an account of changes, a country off the map, one without people, and an evil name."""
    folder = tmp_path_factory.mktemp("rich")
    vault = TinyVault(folder / "vault")
    vault.partner("BN-NONE")
    for number in range(30):
        vault.attend(
            f"t{number:02d}",
            ("VN-A", "VN-B", "TL-C")[number % 3],
            sex=("F", "F", "M", "")[number % 4],
            age_low=20 + number,
            age_high=20 + number,
            trainee_type=("msme_owner", "job_seeker")[number % 2],
            is_rural=(True, False, None)[number % 3],
            training_date=dt.date(2020, 7, 1) + dt.timedelta(days=15 * number),
            hours=2.5,
        )
    vault.attend("t00", "TL-C", sex="F", course_code="OS110", training_date=dt.date(2021, 2, 1))
    vault.con.execute("UPDATE partner SET partner_name = ? WHERE partner_id = 'TL-C'", [EVIL])
    release = folder / "release.duckdb"
    vault.build(release, 4)
    vault.con.close()
    with duckdb.connect(str(release)) as con:
        for statement in (OUTCOMES, MORE_OUTCOMES, RESTATEMENTS, FROZEN):
            con.execute(statement)
    return release


@pytest.fixture(scope="session")
def rich_report(rich_release, tmp_path_factory) -> Path:
    """Folder of its report."""
    folder = tmp_path_factory.mktemp("rich-report")
    make_report(rich_release, folder)
    return folder


@pytest.fixture
def report_on(tmp_path) -> Callable[[Path], Path]:
    """Writes a report into a folder of the test's own."""

    def write(release: Path, **options: object) -> Path:
        make_report(release, tmp_path / "pages", **options)
        return tmp_path / "pages"

    return write
