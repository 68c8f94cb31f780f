"""Files land once, under their own hash, whatever they are called and however often they are pulled."""

import datetime as dt
import fcntl
import hashlib
import os
import stat

import pytest

from flows.sources.landed import landing_folder, source_url
from flows.sources.pull import PullError, pull_partner
from schemas.partner import Partner, parse_contract

CONTRACT = """
name: Invented partner
delivery: {kind: monthly}
file: {format: csv}
columns: {full_name: name, course_code: course, training_date: day}
"""
LIMIT = 10_000


@pytest.fixture
def partner(tmp_path):
    folder = tmp_path / "raw" / "TL" / "ONE"
    (folder / "sample" / "2021-01-05").mkdir(parents=True)
    return Partner(country_code="TL", folder=folder, contract=parse_contract(CONTRACT, folder / "partner.yml"))


def put(partner, name, content=b"name,course,day\n"):
    path = partner.folder / "sample" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_file_lands_under_its_hash_and_the_manifest_says_where_from(partner):
    put(partner, "2021-01-05/list 01.csv", b"abc")
    (row,) = pull_partner(partner, size_limit=LIMIT)
    digest = hashlib.sha256(b"abc").hexdigest()
    target = landing_folder(partner) / digest[:2] / digest
    assert target.read_bytes() == b"abc"
    assert (row.file_name, row.size, row.sha256) == ("2021-01-05/list 01.csv", 3, digest)
    assert row.date_received == dt.date(2021, 1, 5)
    assert row.is_sample
    assert stat.S_IMODE(landing_folder(partner).stat().st_mode) == 0o700
    assert stat.S_IMODE(target.stat().st_mode) == 0o400


def test_pulling_again_writes_nothing_and_reports_the_same(partner):
    put(partner, "a.csv", b"abc")
    now = dt.datetime(2021, 3, 1, tzinfo=dt.UTC)
    first = pull_partner(partner, size_limit=LIMIT, now=now)
    target = landing_folder(partner) / first[0].landed_path
    before = target.stat().st_mtime_ns
    assert pull_partner(partner, size_limit=LIMIT, now=now) == first
    assert target.stat().st_mtime_ns == before


def test_the_same_bytes_under_two_names_land_once(partner):
    put(partner, "a.csv", b"abc")
    put(partner, "Copy of a.csv", b"abc")
    rows = pull_partner(partner, size_limit=LIMIT)
    assert [row.file_name for row in rows] == ["Copy of a.csv", "a.csv"]
    assert len([path for path in landing_folder(partner).rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize(
    "name",
    [
        "..%2f..%2fetc.csv",
        "a;rm -rf.csv",
        "star*.csv",
        "line\nbreak.csv",
        "ก" * 60 + ".csv",
        "-n.csv",
        "$(x).csv",
    ],
)
def test_a_hostile_name_never_becomes_a_path(partner, name):
    put(partner, name, b"abc")
    (row,) = pull_partner(partner, size_limit=LIMIT)
    assert row.file_name == name
    landed = [path for path in landing_folder(partner).rglob("*") if path.is_file()]
    assert [path.name for path in landed] == [hashlib.sha256(b"abc").hexdigest()]


def test_what_programs_leave_behind_is_no_delivery(partner):
    for name in (".DS_Store", "~$list.xlsx", "Thumbs.db", "list.csv.part", ".git/config"):
        put(partner, name)
    assert pull_partner(partner, size_limit=LIMIT) == ()


def test_without_a_dated_folder_the_files_own_time_counts(partner):
    path = put(partner, "a.csv")
    os.utime(path, (0, dt.datetime(2021, 7, 9, 12, tzinfo=dt.UTC).timestamp()))
    assert pull_partner(partner, size_limit=LIMIT)[0].date_received == dt.date(2021, 7, 9)


def test_a_file_url_is_a_source(partner, tmp_path):
    folder = tmp_path / "elsewhere" / "TL-ONE" / "2021-02-03"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_bytes(b"abc")
    pattern = f"file://{tmp_path}/elsewhere/{{country}}-{{partner}}"
    (row,) = pull_partner(partner, pattern, size_limit=LIMIT)
    assert not row.is_sample
    assert row.file_name == "2021-02-03/a.csv"


def test_a_missing_source_says_what_to_correct(partner):
    with pytest.raises(PullError, match="does not exist; correct `source`") as caught:
        pull_partner(partner, "/nowhere/{country}", size_limit=LIMIT)
    assert not caught.value.transient


def test_a_pattern_with_another_placeholder_is_refused(partner):
    with pytest.raises(PullError, match=r"only the placeholders \{country\} and \{partner\}"):
        source_url(partner, "/x/{year}")


def test_a_file_beyond_the_limit_is_refused(partner):
    put(partner, "a.csv", b"x" * (LIMIT + 1))
    with pytest.raises(PullError, match="larger than"):
        pull_partner(partner, size_limit=LIMIT)


def test_a_damaged_landed_file_is_named_not_overwritten(partner):
    put(partner, "a.csv", b"abc")
    (row,) = pull_partner(partner, size_limit=LIMIT)
    target = landing_folder(partner) / row.landed_path
    target.chmod(0o600)
    target.write_bytes(b"ab")
    with pytest.raises(PullError, match="damaged"):
        pull_partner(partner, size_limit=LIMIT)
    assert target.read_bytes() == b"ab"


def test_what_a_killed_pull_left_is_cleared_and_a_living_ones_is_not(partner):
    put(partner, "a.csv", b"abc")
    folder = landing_folder(partner) / "ba"
    folder.mkdir(parents=True)
    left, living = folder / "left.csv.1234.part", folder / "living.csv.1234.part"
    left.write_bytes(b"a")
    with living.open("wb") as writer:
        # as whoever writes one does for as long as it is open
        fcntl.flock(writer, fcntl.LOCK_EX)
        pull_partner(partner, size_limit=LIMIT)
        assert (left.exists(), living.exists()) == (False, True)
    pull_partner(partner, size_limit=LIMIT)
    assert not living.exists()
