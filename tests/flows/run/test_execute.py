"""The whole way of a record: what counts, what is repeated, what fails alone, and what a second run does."""

import datetime as dt
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

from flows.contracts.partners import UnknownCountryError
from flows.run.execute import execute
from tests.conftest import PROJECT, SHARED, hashes, make_settings, rows, run
from warehouse.storage.data_folder import DataFolder
from warehouse.storage.locks import LockedError, hold
from warehouse.vault.open import open_vault

TEN = ["BN", "ID", "KH", "LA", "MM", "MY", "PH", "SG", "TH", "VN"]


def test_the_shipped_samples_publish_ten_countries(demo):
    settings, result = demo
    assert (result.exit_code, result.published, result.failures) == (0, 1, ())
    assert [row[0] for row in rows(settings.data, "SELECT country_code FROM report_reach ORDER BY 1")] == ["ALL", *TEN]


@pytest.mark.pipeline
@pytest.mark.parametrize("country", TEN)
def test_every_shipped_country_alone_runs_to_a_release(country: str, tmp_path: Path):
    settings = make_settings(PROJECT / "raw", tmp_path / "data")
    result = run(settings, [country])
    assert (result.exit_code, result.published, result.failures) == (0, 1, ())
    assert rows(settings.data, "SELECT country_code FROM report_reach ORDER BY 1") == [("ALL",), (country,)]


def test_the_shipped_samples_come_within_three_percent_of_the_truth(demo):
    totals = SHARED / "demo" / "truth" / "totals.json"
    if not totals.exists():
        pytest.skip("the truth of the demonstration draw does not lie beside the project")
    truth = json.loads(totals.read_text())["overall"]
    settings, _ = demo
    found = rows(
        settings.data,
        "SELECT trainees, women, youth, msme_owners, job_seekers, with_disability, indigenous "
        "FROM report_reach WHERE country_code = 'ALL'",
    )[0]
    names = ("people", "women", "youth", "msme", "jobseeker", "disability", "indigenous")
    assert dict(zip(names, found, strict=True)) == pytest.approx(truth, rel=0.03)


def test_every_delivery_obeys_the_law_of_conservation(demo):
    settings, result = demo
    deliveries = rows(
        settings.data,
        "SELECT rows_in, rows_accepted + rows_rejected + rows_superseded + rows_repeated + rows_structural, "
        "rows_accepted, outcome FROM core_delivery",
    )
    assert all(came_in == gone_out for came_in, gone_out, _, _ in deliveries)
    assert len(deliveries) == sum(item.deliveries for item in result.counts) == 163
    accepted = sum(row[2] for row in deliveries)
    assert rows(settings.data, "SELECT count(*) FROM core_attendance") == [(accepted,)]
    assert {row[3] for row in deliveries} == {"loaded", "superseded", "repeated"}


def test_a_second_run_finds_nothing_new(small):
    settings = small()
    first = run(settings)
    before = hashes(settings.data)
    second = run(settings)
    assert (first.published, second.published, second.current, second.read) == (1, None, 1, 0)
    assert second.exit_code == 0
    assert hashes(settings.data) == before


def test_the_same_inputs_give_the_same_hashes_whatever_threads_readers_and_order(demo, tmp_path):
    settings, _ = demo
    other = make_settings(settings.raw, tmp_path / "data", threads=1, readers=1)
    run(other, TEN[::-1])
    assert hashes(other.data) == hashes(settings.data)


def test_countries_one_after_the_other_count_the_same_people(demo, tmp_path):
    settings, _ = demo
    other = make_settings(settings.raw, tmp_path / "data")
    for country in ("SG", "BN", "MY"):
        run(other, [country])
    reach = "SELECT country_code, trainees, women FROM report_reach WHERE country_code IN ('BN', 'MY', 'SG') ORDER BY 1"
    assert rows(other.data, reach) == rows(settings.data, reach)


def vault_rows(settings, country):
    with open_vault(DataFolder(settings.data), "test") as con:
        return {
            table: con.execute(f"SELECT * FROM {table} WHERE country_code = ? ORDER BY ALL", [country]).fetchall()
            for table in ("record", "rejected_row", "delivery")
        }


def test_reprocessing_one_country_leaves_every_other_byte_equal(small):
    settings = small("BN/LDC", "SG/ACE", "LA/YEA")
    run(settings)
    before = {country: vault_rows(settings, country) for country in ("BN", "SG", "LA")}
    tables = hashes(settings.data)
    contract = settings.raw / "BN" / "LDC" / "partner.yml"
    contract.write_text(contract.read_text().replace("{F: P, M: L}", "{F: L, M: P}"))
    result = run(settings, ["BN"], reread=True)
    assert result.published == 2
    after = {country: vault_rows(settings, country) for country in ("BN", "SG", "LA")}
    assert after["SG"] == before["SG"]
    assert after["LA"] == before["LA"]
    assert after["BN"] != before["BN"]
    assert hashes(settings.data)["core_trainee"] != tables["core_trainee"]
    assert hashes(settings.data)["core_course"] == tables["core_course"]


def test_a_comment_in_a_contract_is_no_reason_to_read_again(small):
    settings = small("BN/LDC")
    run(settings)
    contract = settings.raw / "BN" / "LDC" / "partner.yml"
    contract.write_text(contract.read_text() + "\n# looked at in spring\n")
    assert run(settings).read == 0


def add_delivery(settings, partner, received, name, content):
    folder = settings.raw / partner / "sample" / received
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def test_a_delivery_that_cannot_be_read_fails_alone_and_stays_landed(small):
    settings = small()
    add_delivery(settings, "BN/LDC", "2022-02-01", "brunei_gda_to_Jan22.csv", b"")
    result = run(settings)
    (failure,) = result.failures
    assert (failure.partner_id, failure.code, result.exit_code, result.published) == ("BN-LDC", "empty_file", 2, 1)
    assert rows(settings.data, "SELECT count(*) FROM core_delivery WHERE outcome = 'failed'") == [(1,)]
    assert rows(settings.data, "SELECT trainees FROM report_reach WHERE country_code = 'BN'")[0][0] > 0
    with open_vault(DataFolder(settings.data), "test") as con:
        path = con.execute("SELECT landed_path FROM landed_file WHERE size = 0").fetchone()[0]
    assert (settings.raw / "BN" / "LDC" / "deliveries" / path).exists()
    # unchanged, it is not tried again, and a run with nothing new says so
    assert (run(settings).read, run(settings).exit_code) == (0, 0)


def test_an_unknown_word_stops_its_delivery_with_the_line_and_no_value(small):
    settings = small()
    source = sorted((settings.raw / "BN" / "LDC" / "sample").rglob("*.csv"))[-1]
    lines = source.read_text().splitlines()
    cells = lines[3].split(",")
    lines[3] = ",".join([*cells[:2], "Someone Private", *cells[3:]])
    source.write_text("\n".join(lines) + "\n")
    (failure,) = run(settings).failures
    assert failure.code == "unknown_word"
    assert "line 4, column 'jantina'" in failure.message
    assert "lookups.sex" in failure.message
    assert "Someone" not in failure.message


def test_a_broken_contract_fails_its_partner_alone(small):
    settings = small()
    contract = settings.raw / "BN" / "LDC" / "partner.yml"
    contract.write_text(contract.read_text() + "surprise: 1\n")
    result = run(settings)
    assert result.exit_code == 2
    assert "surprise" in result.failures[0].message
    assert rows(settings.data, "SELECT country_code FROM report_reach ORDER BY 1") == [("ALL",), ("SG",)]


def test_nothing_readable_publishes_nothing(small):
    settings = small("BN/LDC")
    for path in (settings.raw / "BN" / "LDC" / "sample").rglob("*.csv"):
        path.write_bytes(b"")
    result = run(settings)
    assert (result.exit_code, result.published, result.current) == (1, None, None)


def test_an_unknown_country_is_named_with_those_there_are(small):
    with pytest.raises(UnknownCountryError, match=r"XX: no such country.*BN, SG"):
        run(small(), ["XX"])


def test_a_second_run_of_a_country_is_refused_by_name(small):
    settings = small()
    run(settings)
    with hold(settings.data / "private" / "locks" / "BN.lock", "run BN"), pytest.raises(LockedError, match="run BN"):
        run(settings, ["BN"])
    assert run(settings, ["SG"]).exit_code == 0


def test_real_deliveries_set_the_sample_aside(small, tmp_path):
    settings = small("BN/LDC")
    run(settings)
    people = rows(settings.data, "SELECT trainees FROM report_reach WHERE country_code = 'BN'")[0][0]
    real = tmp_path / "real" / "BN-LDC" / "2022-03-01"
    real.mkdir(parents=True)
    sample = sorted((settings.raw / "BN" / "LDC" / "sample").rglob("*.csv"))[-1]
    (real / "brunei_gda_to_Feb22.csv").write_text("\n".join(sample.read_text().splitlines()[:6]) + "\n")
    result = run(settings, source=str(tmp_path / "real" / "{country}-{partner}"))
    assert result.published == 2
    found = rows(settings.data, "SELECT trainees FROM report_reach WHERE country_code = 'BN'")[0][0]
    assert 0 < found <= 5 < people
    # the samples are pulled again by an ordinary run and stay aside
    assert run(settings).published is None


CONTRACT_TL = """
name: Invented co-operative (synthetic)
delivery: {kind: monthly, file_name: '(?P<year>\\d{4})-(?P<month>\\d{2})'}
file: {format: csv}
columns:
  full_name: Naran
  sex: Seksu
  birth_date: Loron moris
  phones: Telefone
  trainee_type: Tipu
  course_code: Kursu
  training_date: Loron treinu
missing: ['', '-']
lookups:
  sex: {F: Feto, M: Mane}
  trainee_type: {msme_owner: Negosiu, job_seeker: Buka servisu}
"""
ROWS_TL = """Naran,Seksu,Loron moris,Telefone,Tipu,Kursu,Loron treinu
Amostra da Costa,Feto,03/05/1990,77234567,Negosiu,DL101,02/08/2020
Amostra da Costa,Feto,03/05/1990,77234567,Negosiu,SM201,09/08/2020
Exemplo Soares,Mane,17/11/1985,,Buka servisu,JS120,09/08/2020
-,Mane,17/11/1985,,Buka servisu,JS120,09/08/2020
"""


def test_an_eleventh_country_needs_nothing_but_its_folder(small):
    settings = small()
    folder = settings.raw / "TL" / "COOP"
    (folder / "sample" / "2020-09-03").mkdir(parents=True)
    (folder / "partner.yml").write_text(CONTRACT_TL)
    (folder / "sample" / "2020-09-03" / "lista 2020-08.csv").write_text(ROWS_TL)
    result = run(settings)
    assert result.exit_code == 0
    reach = "SELECT trainees, women, msme_owners, job_seekers FROM report_reach WHERE country_code = 'TL'"
    assert rows(settings.data, reach) == [(2, 1, 1, 1)]
    assert rows(settings.data, "SELECT rows_rejected FROM core_delivery WHERE country_code = 'TL'") == [(1,)]


def test_a_release_holds_no_personal_value(demo):
    settings, _ = demo
    with open_vault(DataFolder(settings.data), "test") as con:
        canaries = set()
        for column in ("full_name", "latin_name", "phones", "email", "national_id", "member_id", "record_id"):
            found = con.execute(f"SELECT DISTINCT {column} FROM record WHERE length({column}) >= 5").fetchall()
            canaries |= {row[0] for row in found}
        canaries |= {str(row[0]) for row in con.execute("SELECT DISTINCT birth_date FROM record").fetchall()}
        # a day on which somebody was trained is published, and may be somebody else's birthday
        canaries -= {str(row[0]) for row in con.execute("SELECT DISTINCT training_date FROM record").fetchall()}
    assert len(canaries) > 3000
    published = set()
    with duckdb.connect(str((settings.data / "warehouse.duckdb").resolve()), read_only=True) as con:
        tables = [row[0] for row in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        for table in tables:
            for row in con.execute(f"SELECT COLUMNS(*)::VARCHAR FROM {table}").fetchall():
                published.update(row)
    assert published.isdisjoint(canaries)


def test_what_is_private_is_private_and_what_is_published_is_readable(demo):
    settings, _ = demo

    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    assert mode(settings.data / "private") == 0o700
    assert mode(settings.data / "private" / "vault.duckdb") == 0o600
    assert mode((settings.data / "warehouse.duckdb").resolve()) == 0o444


KILLED = """
import os, signal, sys
from pathlib import Path
from flows.run.execute import execute
from flows.run.result import RunRequest
from flows.settings import Settings

stage, place = sys.argv[3], int(sys.argv[4])
seen = 0

def on_progress(name, what, done, total):
    global seen
    if name == stage:
        seen += 1
        if seen == place:
            os.kill(os.getpid(), signal.SIGKILL)

execute(Settings(raw=Path(sys.argv[1]), data=Path(sys.argv[2])), on_progress=on_progress)
"""


@pytest.mark.parametrize(
    ("stage", "place"),
    [
        ("pull", 1),
        ("pull", 2),
        ("read", 1),
        ("load", 1),
        ("load", 2),
        ("match", 1),
        ("identify", 1),
        ("build", 1),
        ("verify", 1),
        ("publish", 1),
    ],
)
def test_killed_at_any_stage_a_rerun_gives_what_an_undisturbed_run_gives(small, tmp_path, stage, place):
    settings = small()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(settings.raw), str(settings.data), stage, str(place)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (settings.data / "warehouse.duckdb").exists()
    assert run(settings).exit_code == 0
    undisturbed = make_settings(settings.raw, tmp_path / "undisturbed")
    run(undisturbed)
    assert hashes(settings.data) == hashes(undisturbed.data)
    left = [path.name for path in settings.data.rglob("*") if path.suffix in (".part", ".building")]
    assert left == []


def test_readers_see_no_error_and_no_torn_release_while_ten_are_published(small):
    settings = small("BN/LDC")
    run(settings)
    link = settings.data / "warehouse.duckdb"
    stop = threading.Event()
    problems: list[str] = []
    numbers: list[int] = []

    def read() -> None:
        while not stop.is_set():
            try:
                with duckdb.connect(str(link.resolve()), read_only=True) as con:
                    number, people, counted = con.execute(
                        "SELECT (SELECT release_number FROM release), (SELECT count(*) FROM core_trainee), "
                        "(SELECT trainees FROM report_reach WHERE country_code = 'ALL')"
                    ).fetchone()
                numbers.append(number)
                if people != counted:
                    problems.append(f"torn release {number}")
            except duckdb.Error as error:
                problems.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(10):
            run(settings, ["BN"], reread=True)
    finally:
        stop.set()
        reader.join()
    assert problems == []
    assert numbers == sorted(numbers)
    assert len(set(numbers)) >= 5


def test_after_a_rollback_a_run_with_nothing_new_leaves_the_release_alone(small):
    from warehouse.release import publish

    settings = small()
    run(settings)
    contract = settings.raw / "BN" / "LDC" / "partner.yml"
    contract.write_text(contract.read_text().replace("{F: P, M: L}", "{F: L, M: P}"))
    assert run(settings).published == 2
    publish.rollback(settings.data, 1)
    assert run(settings).published is None
    assert rows(settings.data, "SELECT release_number FROM release") == [(1,)]
    contract.write_text(contract.read_text().replace("{F: L, M: P}", "{F: [P, L]}"))
    assert run(settings).published == 3


def test_a_corrected_name_keeps_the_trainee(small, tmp_path):
    settings = small("TH/NRD")
    header = (settings.raw / "TH/NRD/sample").rglob("*.csv")
    first = sorted(header)[0].read_bytes().decode("cp874").splitlines()[0]
    incoming = tmp_path / "in" / "TH-NRD"

    def deliver(day, name, person):
        (incoming / day).mkdir(parents=True)
        row = f"1,{person},หญิง,3/5/2533,,081-234-5678,ฝาง,เชียงใหม่,ผู้หางาน,ไม่พิการ,ไม่ใช่,DL101,11/9/2563,8"
        (incoming / day / name).write_bytes(f"{first}\r\n{row}\r\n".encode("cp874"))

    source = str(tmp_path / "in" / "{country}-{partner}")
    deliver("2020-10-05", "รายชื่อ_กันยายน2563.csv", "นางสาวสมมติ ตัวอย่าง")
    run(settings, source=source)
    before = rows(settings.data, "SELECT trainee_id FROM core_trainee")
    deliver("2020-11-05", "รายชื่อ_กันยายน2563_final.csv", "นางสาวสมมุติ ตัวอย่าง")
    assert run(settings, source=source).published == 2
    assert rows(settings.data, "SELECT trainee_id FROM core_trainee") == before
    assert (
        rows(
            settings.data,
            "SELECT outcome, count(*) FROM core_delivery WHERE date_received > '2020-10-04' "
            "AND date_received IN ('2020-10-05', '2020-11-05') GROUP BY 1 ORDER BY 1",
        )[0][0]
        == "loaded"
    )


def test_the_vault_is_refused_by_a_program_of_another_version(small):
    from warehouse.vault.open import VaultError

    settings = small("BN/LDC")
    run(settings)
    with open_vault(DataFolder(settings.data), "test") as con:
        con.execute("UPDATE vault_schema SET version = 99")
    with pytest.raises(VaultError, match="schema 99"):
        run(settings)


@pytest.mark.xdist_group("kit")
def test_the_development_kit_is_scored_by_its_own_program(devkit, kit, tmp_path):
    from flows.commands.tables import export_links

    settings, result = kit
    assert result.exit_code == 0
    assert sum(item.rows_in for item in result.counts) == 37_536
    links = tmp_path / "links"
    export_links(DataFolder(settings.data), links)
    report = tmp_path / "score.json"
    score = [sys.executable, str(devkit / "score.py"), "--truth", str(devkit / "truth"), "--json", str(report)]
    score += ["--pred", str(links / "accepted.parquet"), "--rejects", str(links / "rejected.parquet")]
    done = subprocess.run(score, check=False, capture_output=True, text=True, env={**os.environ, "PYTHONWARNINGS": ""})
    assert done.returncode == 0, done.stderr
    found = json.loads(report.read_text())
    assert (found["valid_records_lost"], found["invalid_rows_accepted"], found["unmatched_rows"]) == (0, 0, 0)
    assert found["subtotal_or_footer_rows_accepted"] == 0
    assert found["records_given_two_trainee_ids"] == 0
    assert found["valid_rows_rejected"] == 0
    assert min(reason["caught"] for reason in found["rejection_recall"].values()) == 1.0
    assert found["pairwise"]["f1"] >= 0.985
    assert found["pairwise"]["precision"] >= 0.99
    assert abs(found["overall"]["pct"]) <= 0.5
    assert all(abs(country["pct"]) <= 2 for country in found["countries"].values())


def test_a_run_stamps_the_time_of_publication_in_utc(demo):
    settings, _ = demo
    (built,) = rows(settings.data, "SELECT built_at FROM release")[0]
    assert abs(built - dt.datetime.now(dt.UTC).replace(tzinfo=None)) < dt.timedelta(hours=1)


def test_progress_names_every_stage(small):
    stages = []
    execute(small("BN/LDC"), on_progress=lambda stage, what, done, total: stages.append(stage))
    assert list(dict.fromkeys(stages)) == ["pull", "read", "load", "match", "identify", "build", "verify", "publish"]
