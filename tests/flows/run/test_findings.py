"""What somebody should look at: late, silent, shrunk and odd deliveries are found, in the release and in the run."""

import datetime as dt

import pytest

from flows.run.findings import read_findings
from tests.conftest import rows, run
from tests.generators.tym import deliver, people
from warehouse.release.query import QueryError


@pytest.fixture
def months(small, tmp_path):
    """A partner whose first four months are much alike; more can follow."""
    settings = small("VN/TYM")
    source = tmp_path / "source"
    for month in range(8, 12):
        sexes = (
            people(range(100 * month, 100 * month + 30)),
            people(range(100 * month + 30, 100 * month + 45), sex="Nam"),
        )
        deliver(source, f"2020-{month + 1:02d}-05", f"TYM_{month:02d}2020.csv", [*sexes[0], *sexes[1]])
    return settings, source


def findings(settings, where="TRUE"):
    return rows(settings.data, f"SELECT finding_code, finding_text FROM report_finding WHERE {where} ORDER BY ALL")


def test_months_that_are_alike_give_no_finding_but_what_is_overdue_today(months):
    settings, source = months
    result = run(settings, source=str(source))
    assert findings(settings) == []
    # the programme's periods are over, and only the first four months came
    (found,) = result.findings
    assert (found.finding_code, found.subject) == ("silent", "2020-12")
    assert found.finding_text == "nothing came; it was due on 2021-01-15, and 12 more up to 2021-12"


def test_what_is_overdue_goes_by_the_day(months):
    settings, source = months
    run(settings, source=str(source))
    release = (settings.data / "warehouse.duckdb").resolve()
    assert read_findings(release, [], today=dt.date(2021, 1, 15)) == ()
    (found,) = read_findings(release, [], today=dt.date(2021, 1, 16))
    assert str(found) == "VN-TYM, 2020-12 [silent]: nothing came; it was due on 2021-01-15"


def test_an_odd_delivery_is_found_by_the_run_that_reads_it(months):
    settings, source = months
    run(settings, source=str(source))
    men = people(range(3000, 3010), sex="Nam")
    deliver(source, "2021-03-20", "TYM_122020.csv", men)
    result = run(settings, source=str(source))
    said = {item.finding_code: item.finding_text for item in result.findings if item.finding_code != "silent"}
    assert said == {
        "late": "came 64 day(s) after 2021-01-15",
        "rows_fewer": "10 rows; usual are 45",
        "sex_mix": "0% of the rows are women; before 67%",
    }
    quality = (
        "SELECT findings, deliveries FROM report_data_quality WHERE month IN ('2021-02', '2021-03') ORDER BY month"
    )
    # January's delivery was due in February, and did not come by March
    assert rows(settings.data, quality) == [("silent", 0), ("late rows_fewer sex_mix silent", 1)]


def test_samples_are_never_late(demo):
    settings, result = demo
    assert rows(settings.data, "SELECT count(*) FROM report_due") == [(0,)]
    assert result.findings == ()


def test_a_release_that_cannot_be_read_is_said_by_name(tmp_path):
    release = tmp_path / "000001.duckdb"
    release.write_bytes(b"no database")
    with pytest.raises(QueryError, match=r"000001.duckdb: cannot be read \(\w+\); see `godigital doctor`"):
        read_findings(release, [])
