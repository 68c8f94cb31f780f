"""The pipeline without a server: a line for each run, no drift, no end by a failure, an orderly end by a signal."""

import datetime as dt
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows.commands.watch import next_start, parse_interval
from tests.conftest import hashes, make_settings, run
from warehouse.release.releases import current
from warehouse.storage.locks import hold

LINE = re.compile(r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) (?P<what>.+), (?P<failures>\d+) failures?, \d+\.\d s\b.*")


def watching(settings, *words):
    command = [
        sys.executable,
        "-m",
        "flows.commands.app",
        "watch",
        "--raw",
        settings.raw,
        "--data",
        settings.data,
        *words,
    ]
    return subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )


@contextmanager
def watch(settings, *words):
    """A watch that is ended with its block, whatever happens there."""
    with watching(settings, *words) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                for _ in range(2):
                    process.send_signal(signal.SIGTERM)
                    time.sleep(0.2)
            process.kill()


def once(settings, *words):
    with watching(settings, "--once", *words) as process:
        out, err = process.communicate(timeout=120)
    (line,) = out.splitlines()
    return process.returncode, LINE.fullmatch(line), err


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_locked(settings, name):
    lock = settings.data / "private" / "locks" / f"{name}.lock"
    return lock.exists() and lock.read_text() != ""


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("1h", 3600), (" 1d ", 86400)])
def test_an_interval_is_a_number_and_its_unit(text, seconds):
    assert parse_interval(text) == seconds


@pytest.mark.parametrize("text", ["", "15", "0m", "-5m", "1.5h", "15 min", "m", "1h30m", "15M"])
def test_anything_else_is_refused_with_examples(text):
    with pytest.raises(ValueError, match="90s, 15m, 1h or 1d"):
        parse_interval(text)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--every", "soon"], "'soon' is no interval"),
        ([], "--once or --every"),
        (["--once", "--every", "1h"], "--once or --every"),
    ],
)
def test_an_order_that_cannot_be_kept_is_refused_before_anything_runs(small, words, said):
    settings = small("BN/LDC")
    with watching(settings, *words) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert said in " ".join(err.replace("│", " ").split())
    assert not (settings.data / "releases").exists()


@pytest.mark.parametrize(
    ("now", "start", "missed"),
    [(100.0, 110.0, 0), (109.9, 110.0, 0), (110.0, 120.0, 1), (135.0, 140.0, 3)],
)
def test_starts_lie_whole_intervals_apart_however_long_a_run_takes(now, start, missed):
    assert next_start(100.0, 10, now) == (start, missed)


def test_once_publishes_makes_the_report_and_then_finds_nothing_new(small):
    settings = small("BN/LDC")
    code, line, _ = once(settings)
    assert (code, line["what"], line["failures"]) == (0, "release 1 published", "0")
    started = dt.datetime.strptime(line["time"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.UTC)
    assert abs(started - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=2)
    assert (settings.data / "report" / "latest" / "index.html").resolve().parent.name == "release-1"
    code, line, err = once(settings)
    assert (code, line["what"], line["failures"]) == (0, "nothing new, release 1 stays", "0")
    assert err == ""


def test_once_ends_with_the_exit_code_of_a_run_and_names_what_failed(small):
    settings = small("BN/LDC")
    broken = settings.raw / "BN" / "LDC" / "sample" / "2022-02-01"
    broken.mkdir()
    (broken / "brunei_gda_to_Jan22.csv").write_bytes(b"")
    code, line, err = once(settings)
    assert (code, line["what"], line["failures"]) == (2, "release 1 published", "1")
    assert "FAILED BN-LDC [empty_file]" in err
    with hold(settings.data / "private" / "locks" / "BN.lock", "reprocess BN"):
        code, line, _ = once(settings)
    assert (code, line["failures"]) == (1, "1")
    assert re.search(rf"BN\.lock is locked by reprocess BN \(process {os.getpid()}, since 2\d{{3}}-", line["what"])
    code, line, _ = once(settings, "--country", "XX")
    assert (code, line["failures"]) == (1, "1")
    assert "XX: no such country" in line["what"]


def test_once_takes_the_sources_and_countries_of_a_run(small, tmp_path):
    settings = small()
    sample = sorted((settings.raw / "BN" / "LDC" / "sample").rglob("*.csv"))[-1]
    real = tmp_path / "real" / "BN-LDC" / "2022-03-01"
    real.mkdir(parents=True)
    (real / "brunei_gda_to_Feb22.csv").write_bytes(sample.read_bytes())
    answers = tmp_path / "answers"
    answers.mkdir()
    pattern = str(tmp_path / "real" / "{country}-{partner}")
    code, line, _ = once(settings, "--country", "bn", "--source", pattern, "--survey-source", answers)
    assert (code, line["what"]) == (0, "release 1 published")
    assert current(settings.data).manifest["tables"]["core_partner"]["rows"] == 1
    assert [path.name for path in settings.raw.glob("*/*/deliveries")] == ["deliveries"]


def test_a_log_of_json_has_no_other_line(small, monkeypatch):
    settings = small("BN/LDC")
    (settings.raw / "SG" / "ACE").mkdir(parents=True)
    (settings.raw / "SG" / "ACE" / "partner.yml").write_text("name: nobody\n")
    # where the report should stand
    settings.data.joinpath("report").write_text("")
    monkeypatch.setenv("GODIGITAL_LOG", "json")
    code, line, err = once(settings)
    assert (code, line["what"], line["failures"]) == (2, "release 1 published", "1")
    events = [json.loads(entry)["event"] for entry in err.splitlines()]
    assert {"run_begun", "failure", "run_ended", "report_failed"} <= set(events)


def resident_kilobytes(process):
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])


def test_a_held_lock_and_a_failure_end_nothing_and_starts_do_not_drift(small):
    settings = small("BN/LDC")
    run(settings)
    lines, sizes = [], []
    with watch(settings, "--every", "1s") as process:
        for number in range(5):
            if number == 1:
                with hold(settings.data / "private" / "locks" / "BN.lock", "reprocess BN"):
                    lines.append(process.stdout.readline())
            else:
                lines.append(process.stdout.readline())
            sizes.append(resident_kilobytes(process))
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == ""
        assert process.wait(10) == 0
    found = [LINE.fullmatch(line.strip()) for line in lines]
    assert "locked by reprocess BN" in found[1]["what"]
    assert {item["what"] for index, item in enumerate(found) if index != 1} == {"nothing new, release 1 stays"}
    starts = [dt.datetime.strptime(item["time"], "%Y-%m-%dT%H:%M:%SZ") for item in found]
    # on a busy machine a run can take longer than a second: the starts in between are left out, and none is moved
    left_out = sum(int(number) for line in lines[:-1] for number in re.findall(r"\((\d+) starts? left out", line))
    assert abs((starts[-1] - starts[0]).total_seconds() - 4 - left_out) <= 1
    # nothing stays behind in the process that waits
    assert sizes[-1] <= sizes[1] + 500


def test_what_fails_in_every_run_is_said_once(small, tmp_path):
    settings = small()
    run(settings)
    (settings.raw / "SG" / "ACE" / "sample").rename(tmp_path / "away")
    with watch(settings, "--every", "1s") as process:
        lines = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        err = process.stderr.read()
    assert [LINE.fullmatch(line.strip())["failures"] for line in lines] == ["1", "1", "1"]
    assert err.count("FAILED SG-ACE [source_unreadable]") == 1


def test_a_signal_in_the_middle_of_a_run_lets_it_publish_first(small):
    settings = small("BN/LDC")
    with watch(settings, "--every", "1h") as process:
        until(lambda: is_locked(settings, "BN"))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert LINE.fullmatch(out.strip())["what"] == "release 1 published"
    assert "a second signal ends it at once" in err


def test_a_second_signal_ends_at_once_and_the_next_run_gives_what_an_undisturbed_one_gives(small, tmp_path):
    settings = small("BN/LDC")
    with watch(settings, "--every", "1h") as process:
        until(lambda: is_locked(settings, "vault"))
        process.send_signal(signal.SIGTERM)
        until(lambda: "second signal" in process.stderr.readline())
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
        assert time.monotonic() - began < 2
    assert process.returncode == 128 + signal.SIGTERM
    assert "ended at once" in LINE.fullmatch(out.strip())["what"]
    assert not (settings.data / "warehouse.duckdb").exists()
    # its locks are free, too
    assert once(settings)[0] == 0
    undisturbed = make_settings(settings.raw, tmp_path / "undisturbed")
    run(undisturbed)
    assert hashes(settings.data) == hashes(undisturbed.data)


def test_a_run_that_dies_is_a_failure_and_the_watch_goes_on(small):
    settings = small("BN/LDC")
    with watch(settings, "--every", "1s") as process:
        until(lambda: is_locked(settings, "BN"))
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGKILL)
        lines = [LINE.fullmatch(process.stdout.readline().strip()) for _ in range(2)]
    assert lines[0]["what"] == "failed: the run ended with exit status -9, see above"
    assert lines[0]["failures"] == "1"
    assert lines[1]["what"] == "release 1 published"
