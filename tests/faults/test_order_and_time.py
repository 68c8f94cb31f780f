"""What cannot matter does not: the order of rows and files, threads, the clock and where the computer stands."""

import random

import pytest

from tests.conftest import hashes, make_settings, rows, run
from tests.faults.conftest import play_apart, require_healed
from tests.faults.small_partner import deliver, make_partner, row
from warehouse.storage.data_folder import DataFolder
from warehouse.vault.open import open_vault

PEOPLE = "SELECT (SELECT count(*) FROM core_trainee), (SELECT count(*) FROM core_attendance)"


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_figures_are_the_same_wherever_the_computer_stands(prepared, zone):
    (found,) = play_apart("scenarios", prepared, f"zone {zone}")
    assert (found["code"], found["stands"]) == (0, "new"), found["said"]
    require_healed(found["healed"])


def test_a_file_changed_in_place_counts_as_it_is_now_although_the_clock_was_set_back(tmp_path):
    partner = make_partner(tmp_path / "raw")
    settings = make_settings(tmp_path / "raw", tmp_path / "data", threads=1)
    deliver(partner, "2020-09-03", "lista 2020-08.csv", [row(1, "02/08/2020"), row(2, "09/08/2020")])
    run(settings)
    with open_vault(DataFolder(settings.data), "test") as con:
        # the clock was a century ahead when that was pulled
        con.execute("UPDATE landed_file SET pulled_at = pulled_at + INTERVAL 100 YEAR")
        con.execute("UPDATE delivery SET pulled_at = pulled_at + INTERVAL 100 YEAR")
    deliver(
        partner, "2020-09-03", "lista 2020-08.csv", [row(1, "02/08/2020"), row(2, "09/08/2020"), row(3, "10/08/2020")]
    )
    run(settings)
    assert rows(settings.data, PEOPLE) == [(3, 3)]
    deliver(partner, "2020-09-03", "lista 2020-08.csv", [row(4, "02/08/2020")])
    run(settings)
    assert rows(settings.data, PEOPLE) == [(1, 1)]


def make_raw(raw, shuffle):
    """Three partners in two countries; rows, files and partners in another order each time."""
    files = [
        (name, f"2020-{month}-03", f"lista 2020-{month}.csv", [row(n, f"{n + 1:02d}/{month}/2020") for n in people])
        for name, month, people in [
            ("TL/COOP", "08", range(0, 9)),
            ("TL/COOP", "09", range(4, 12)),
            ("TL/DUAS", "08", range(10, 16)),
            ("BN/TRES", "10", range(2, 8)),
        ]
    ]
    shuffle(files)
    folders = {}
    for name, received, file, lines in files:
        shuffle(lines)
        folders[name] = folders.get(name) or make_partner(raw, name)
        deliver(folders[name], received, file, lines)
    return raw


@pytest.fixture(scope="module")
def in_order(tmp_path_factory):
    folder = tmp_path_factory.mktemp("order")
    settings = make_settings(make_raw(folder / "raw", lambda items: None), folder / "data", threads=1, readers=1)
    run(settings)
    return settings


# a file with its rows in another order has other bytes, and by them another id
NAMED_BY_BYTES = {"core_attendance", "core_delivery", "delivery_profile"}


def test_rows_files_and_partners_in_another_order_give_the_same_figures(in_order, tmp_path):
    settings = make_settings(make_raw(tmp_path / "raw", random.Random(7).shuffle), tmp_path / "data", threads=4)  # noqa: S311
    run(settings, ["TL", "BN"])
    other, same = hashes(settings.data), hashes(in_order.data)
    assert {name for name in same if other[name] != same[name]} <= NAMED_BY_BYTES
    attended = "SELECT trainee_id, course_code, training_date, partner_id FROM core_attendance ORDER BY ALL"
    assert rows(settings.data, attended) == rows(in_order.data, attended)


def test_the_same_files_pulled_one_by_one_give_the_same_figures(in_order, tmp_path):
    raw = make_raw(tmp_path / "raw", lambda items: None)
    held = sorted(path for path in raw.rglob("*.csv"))
    aside = [path.rename(tmp_path / f"{number}.csv") for number, path in enumerate(held)]
    settings = make_settings(raw, tmp_path / "data", threads=2)
    # the newest first
    for path, place in reversed(list(zip(aside, held, strict=True))):
        path.rename(place)
        run(settings)
    found = "SELECT country_code, trainees, women, msme_owners FROM report_reach ORDER BY 1"
    assert rows(settings.data, found) == rows(in_order.data, found)
    accepted = (
        "SELECT name, rows_in, rows_accepted, rows_rejected, rows_repeated, outcome FROM core_delivery ORDER BY 1"
    )
    assert rows(settings.data, accepted.replace("name,", "partner_id, period,")) == rows(
        in_order.data, accepted.replace("name,", "partner_id, period,")
    )


def test_a_partner_whose_folder_was_renamed_does_not_count_twice(tmp_path):
    partner = make_partner(tmp_path / "raw")
    settings = make_settings(tmp_path / "raw", tmp_path / "data", threads=1)
    deliver(partner, "2020-09-03", "lista 2020-08.csv", [row(1, "02/08/2020"), row(2, "09/08/2020")])
    run(settings)
    before = hashes(settings.data)
    renamed = partner.rename(partner.with_name("KOOP"))
    deliver(renamed, "2020-10-03", "lista 2020-09.csv", [row(3, "02/09/2020")])
    result = run(settings)
    (failure,) = result.failures
    assert (failure.partner_id, failure.code, result.exit_code) == ("TL-KOOP", "partner_renamed", 2)
    assert f"call the folder {partner} again" in failure.message
    assert hashes(settings.data) == before
    # as the message says
    renamed.rename(partner)
    assert run(settings).exit_code == 0
    assert rows(settings.data, PEOPLE) == [(3, 3)]
