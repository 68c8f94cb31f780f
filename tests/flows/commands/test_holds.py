"""Suspicious deliveries wait for a decision: nothing of them counts, everything else goes on, and nothing is lost."""

import pytest
from typer.testing import CliRunner

from flows.commands.app import app
from tests.conftest import hashes, make_settings, rows, run
from tests.generators.tym import deliver, people
from warehouse.storage.data_folder import DataFolder
from warehouse.vault.holds import DUPLICATES, REJECTED
from warehouse.vault.open import open_vault


@pytest.fixture
def partner(small, tmp_path):
    settings = small("VN/TYM")
    source = tmp_path / "source"
    deliver(source, "2020-09-05", "TYM_082020.csv", people(range(40)))
    return settings, source


def godigital(settings, *words):
    return CliRunner().invoke(app, [*words, "--raw", str(settings.raw), "--data", str(settings.data)])


def people_reached(settings):
    return rows(settings.data, "SELECT trainees FROM report_reach WHERE country_code = 'ALL'")[0][0]


def outcomes(settings):
    return dict(rows(settings.data, "SELECT date_received::VARCHAR, outcome FROM core_delivery ORDER BY 1"))


def release(settings, source):
    """Take the only held delivery in, as an officer does, and run."""
    listed = godigital(settings, "release-hold")
    assert "VN-TYM" in listed.stdout
    with open_vault(DataFolder(settings.data), "test") as con:
        ((delivery,),) = con.execute("SELECT delivery_id FROM delivery WHERE outcome = 'held'").fetchall()
    done = godigital(settings, "release-hold", delivery[:8], "--why", "checked with the partner")
    assert done.exit_code == 0, done.output
    return run(settings, source=str(source))


def test_a_delivery_of_known_people_in_known_courses_is_held_until_it_is_released(partner):
    settings, source = partner
    again = [*people(range(20), day="05/09/2020"), *people(range(500, 520), day="05/09/2020")]
    deliver(source, "2020-10-05", "TYM_092020.csv", again)
    deliver(source, "2020-11-05", "TYM_102020.csv", people(range(600, 630), day="05/10/2020"))
    result = run(settings, source=str(source))
    (failure,) = result.failures
    assert (failure.code, result.exit_code) == (DUPLICATES, 2)
    assert "20 of 40 rows" in failure.message
    assert outcomes(settings) == {"2020-09-05": "loaded", "2020-10-05": "held", "2020-11-05": "loaded"}
    assert people_reached(settings) == 70
    # nothing new, and it stays held
    assert run(settings, source=str(source)).published is None
    released = release(settings, source)
    assert (released.exit_code, released.failures) == (0, ())
    assert outcomes(settings)["2020-10-05"] == "loaded"
    assert people_reached(settings) == 90
    # a decision holds for ever
    assert run(settings, ["VN"], reread=True).failures == ()


def test_known_people_in_new_courses_are_what_a_programme_wants(partner):
    settings, source = partner
    deliver(source, "2020-10-05", "TYM_092020.csv", people(range(40), day="05/09/2020", course="OS110"))
    assert run(settings, source=str(source)).failures == ()
    assert outcomes(settings) == {"2020-09-05": "loaded", "2020-10-05": "loaded"}


def test_a_correction_is_no_duplicate_of_what_it_corrects(partner):
    settings, source = partner
    run(settings, source=str(source))
    deliver(source, "2020-10-05", "TYM_082020_corrected.csv", people(range(40), day="04/08/2020"))
    assert run(settings, source=str(source)).failures == ()
    assert outcomes(settings) == {"2020-09-05": "superseded", "2020-10-05": "loaded"}


def test_the_same_deliveries_one_by_one_or_at_once_hold_the_same(partner, tmp_path):
    settings, source = partner
    month = [("2020-10-05", "TYM_092020.csv", "05/09/2020"), ("2020-11-05", "TYM_102020.csv", "05/10/2020")]
    run(settings, source=str(source))
    for received, name, day in month:
        # the second repeats only people of the first, who do not count
        numbers = range(40) if received == "2020-10-05" else range(100, 130)
        deliver(source, received, name, [*people(numbers, day=day), *people(range(100, 130), day=day)][:60])
        run(settings, source=str(source))
    at_once = make_settings(settings.raw, tmp_path / "other")
    run(at_once, source=str(source))
    assert outcomes(at_once) == outcomes(settings)
    assert outcomes(settings)["2020-10-05"] == "held"
    assert hashes(at_once.data) == hashes(settings.data)


def test_a_delivery_with_too_many_rejected_rows_is_held_and_can_be_released(partner):
    settings, source = partner
    deliver(
        source,
        "2020-10-05",
        "TYM_092020.csv",
        people(range(200, 240), day="05/09/2020")[:10] + people(range(300, 330), day="05/09/2001"),
    )
    result = run(settings, source=str(source))
    (failure,) = result.failures
    assert failure.code == REJECTED
    assert "30 of 40 rows would be rejected, more than 50% (training_date_out_of_programme 30" in failure.message
    assert "release-hold" in failure.message
    assert people_reached(settings) == 40
    assert release(settings, source).failures == ()
    assert people_reached(settings) == 50
    counts = "SELECT rows_in, rows_accepted, rows_rejected FROM core_delivery WHERE date_received = DATE '2020-10-05'"
    assert rows(settings.data, counts) == [(40, 10, 30)]


def test_a_release_needs_a_reason_and_a_delivery_that_is_held(partner):
    settings, source = partner
    run(settings, source=str(source))
    assert "--why" in godigital(settings, "release-hold", "ab").output
    done = godigital(settings, "release-hold", "ab", "--why", "because")
    assert done.exit_code == 1
    assert "no held delivery by this id; held are: none" in done.output
