"""An officer reviews: in a terminal, line by line, or in a workbook; and asks why, what happened, and takes back."""

import json
import os
import pty
import re
import select
import shutil
import stat
import subprocess
import sys
import termios
import time

import openpyxl
import pytest
from typer.testing import CliRunner

from flows.commands.app import app
from flows.review.screen import bar
from flows.review.workbook import HELP_SHEET, SHEET, WORDS
from flows.settings import Settings
from tests.conftest import copy_partners, hashes, make_settings, rows, run
from warehouse.identity.judgement_table import read_judgements
from warehouse.identity.judgements import Origin, Verdict, effective
from warehouse.identity.review.doubtful_pairs import say_birth
from warehouse.storage.data_folder import DataFolder
from warehouse.vault.open import open_vault

runner = CliRunner()
# how a terminal is told colours
STYLE = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="module")
def indonesia(tmp_path_factory):
    """One country's samples, run once: it has several doubtful pairs."""
    folder = tmp_path_factory.mktemp("indonesia")
    settings = make_settings(copy_partners(folder / "raw", "ID/MUF"), folder / "data")
    run(settings)
    return settings


@pytest.fixture
def settings(indonesia, tmp_path):
    """A copy of it that a test may change."""
    shutil.copytree(indonesia.data, tmp_path / "data", symlinks=True)
    return Settings(raw=indonesia.raw, data=tmp_path / "data")


def godigital(settings, *words, keys=None):
    options = ["--raw", str(settings.raw), "--data", str(settings.data)]
    typed = None if keys is None else "".join(f"{key}\n" for key in keys)
    return runner.invoke(app, [*words, *options], input=typed)


def judged(settings):
    with open_vault(DataFolder(settings.data), "test") as con:
        return read_judgements(con)


def people(settings):
    return rows(settings.data, "SELECT trainees FROM report_reach WHERE country_code = 'ALL'")[0][0]


def pairs_offered(settings, folder):
    """Cells of the exported workbook by heading, a dictionary per line."""
    out = folder / "offered.xlsx"
    result = godigital(settings, "review", "export", str(out))
    assert result.exit_code == 0, result.output
    head, *lines = openpyxl.load_workbook(out)[SHEET].iter_rows(values_only=True)
    return out, [dict(zip(head, line, strict=True)) for line in lines]


def to_two_people(settings, folder):
    """Keys that skip to the first pair whose records are two people today."""
    lines = pairs_offered(settings, folder)[1]
    return "n" * next(place for place, line in enumerate(lines) if "two people" in line["today"])


# --- in the terminal ---------------------------------------------------------------------------------------------


def test_a_review_shows_both_records_the_evidence_and_what_a_verdict_changes(settings):
    shown = godigital(settings, "review", "--by", "Siti", keys="q").output
    for said in (
        "Pair 1 of",
        "so far nothing decided",
        "born",
        "from an age",
        "Presensi",
        "≠",
        "before comparing",
        "one person with a probability of",
        "one person fewer in ALL and ID",
        "s same  d different",
        "Decided: nothing decided.",
    ):
        assert said in shown, said


def test_verdicts_are_kept_one_by_one_and_the_last_can_be_taken_back(settings):
    shown = godigital(settings, "review", "--by", "Siti", keys=["s", "z", "w", "two sisters", "d", "u", "n", "q"])
    assert shown.exit_code == 0, shown.output
    assert "Decided: 1 different, 1 unsure." in shown.output
    assert "`godigital run` brings them into a release" in shown.output
    first, second, third = (item for item in judged(settings) if item.group_id == item.judgement_id)
    assert (first.verdict, first.undone_by) == (Verdict.SAME, "Siti")
    assert (second.pair, second.verdict, second.why) == (first.pair, Verdict.DIFFERENT, "two sisters")
    assert (third.verdict, third.why, third.judged_by) == (Verdict.UNSURE, "", "Siti")


def test_judged_pairs_are_not_offered_again_but_unsure_ones_on_request(settings):
    first = godigital(settings, "review", keys="uq").output
    total = int(first.split("Pair 1 of ")[1].split(";")[0])
    assert f"Pair 1 of {total - 1};" in godigital(settings, "review", keys="q").output
    assert f"Pair 1 of {total};" in godigital(settings, "review", "--unsure", keys="q").output
    assert "Pair 1 of 2;" in godigital(settings, "review", "--limit", "2", keys="q").output


def test_verdicts_make_a_new_release_and_taking_them_back_restores_the_old_figures(settings, tmp_path):
    old = hashes(settings.data)
    keys = to_two_people(settings, tmp_path) + "sq"
    assert godigital(settings, "review", "--by", "Siti", "--publish", keys=keys).exit_code == 0
    assert hashes(settings.data) != old
    (made,) = judged(settings)
    undone = godigital(settings, "identity", "undo", made.judgement_id, "--why", "they came together")
    assert undone.exit_code == 0, undone.output
    assert "What changed" in undone.output
    assert hashes(settings.data) == old


def test_same_makes_two_people_one_in_the_published_count_and_undoing_it_two_again(tmp_path):
    settings = make_settings(copy_partners(tmp_path / "raw", "KH/PDH"), tmp_path / "data")
    run(settings)
    before, old = people(settings), hashes(settings.data)
    keys = to_two_people(settings, tmp_path) + "sq"
    assert godigital(settings, "review", "--by", "Siti", "--publish", keys=keys).exit_code == 0
    assert people(settings) == before - 1
    (made,) = judged(settings)
    assert godigital(settings, "identity", "undo", made.judgement_id, "--why", "no").exit_code == 0
    assert (people(settings), hashes(settings.data)) == (before, old)


def test_a_verdict_survives_a_run_and_is_published_by_it(settings, tmp_path):
    before = hashes(settings.data)
    godigital(settings, "review", keys=to_two_people(settings, tmp_path) + "sq")
    assert hashes(settings.data) == before
    published = godigital(settings, "run")
    assert "published" in published.output
    assert hashes(settings.data) != before
    assert "Nothing new" in godigital(settings, "run").output


def test_a_real_terminal_takes_single_keys(settings):
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "flows.commands.app", "review", "--by", "Siti", "--data", str(settings.data)]
    environment = {**os.environ, "COLUMNS": "80", "LINES": "50", "TERM": "xterm-256color"}
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment) as process:
        try:
            seen = read_until(controller, "", "q quit")
            press(controller, b"d")
            seen = read_until(controller, seen, "Pair 2 of", "q quit")
            assert "Kept as different" in seen
            press(controller, b"q")
            read_until(controller, seen, "Decided: 1 different.")
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()
    os.close(terminal)
    os.close(controller)
    assert [item.verdict for item in judged(settings)][:1] == [Verdict.DIFFERENT]


def press(controller, key):
    """Type a key once the program waits for single keys: what is typed before is dropped."""
    deadline = time.monotonic() + 60
    while termios.tcgetattr(controller)[3] & termios.ICANON:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.write(controller, key)


def read_until(controller, seen, *wanted):
    """All that was shown, once the wanted texts have come, one after the other."""
    deadline = time.monotonic() + 60
    while not re.search(".*".join(map(re.escape, wanted)), seen, re.DOTALL):
        assert time.monotonic() < deadline, seen
        if select.select([controller], [], [], 1.0)[0]:
            seen = STYLE.sub("", seen + os.read(controller, 65536).decode("utf-8", "replace"))
    return seen


def test_two_officers_who_disagree_are_told_and_the_run_warns_without_naming_anybody(settings):
    godigital(settings, "review", "--by", "Siti", keys="sq")
    (first,) = judged(settings)
    with open_vault(DataFolder(settings.data), "test") as con:
        from warehouse.identity.judgement_table import take_in
        from warehouse.identity.judgements import Draft

        take_in(con, [Draft(*first.pair, Verdict.DIFFERENT)], by="Budi", why="", origin=Origin.REVIEW)
    shown = godigital(settings, "review", keys="q").output
    assert "judged in contradiction" in shown
    assert "godigital identity undo" in shown
    warned = godigital(settings, "run").stderr
    assert "WARNING 1 pair is judged differently by two people" in warned
    assert "Siti" not in warned
    assert first.record_id_a[:8] not in warned


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["review", "--country", "XX"], "there are ID"),
        (["explain", "zz", "yy"], "no record has the id zz"),
        (["explain", "tz0", "tz1"], "no trainee has the id tz0"),
        (["trainee", "t"], "several trainees begin with t"),
        (["identity", "undo", "j7"], "there is no judgement j7"),
        (["identity", "merge", "t", "t", "--why", "x"], "several trainees begin with t"),
        (["review", "export", "pairs.csv"], "must end in .xlsx"),
        (["review", "import", "nowhere.xlsx", "--by", "Siti"], "nowhere.xlsx: No such file"),
    ],
)
def test_what_a_beginner_gets_wrong_is_said_in_a_sentence(indonesia, words, said):
    result = godigital(indonesia, *words)
    assert result.exit_code == 1
    assert said in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "words", [["review"], ["explain", "a", "b"], ["trainee", "t"], ["identity", "history"], ["identity", "undo", "j1"]]
)
def test_without_a_vault_the_commands_say_how_to_start(tmp_path, words):
    result = runner.invoke(app, [*words, "--data", str(tmp_path)])
    assert (result.exit_code, "start with `godigital run`" in result.stderr) == (1, True)


# --- in a workbook -----------------------------------------------------------------------------------------------


def test_a_workbook_is_private_and_says_how_to_fill_it_in(settings, tmp_path):
    out, lines = pairs_offered(settings, tmp_path)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    book = openpyxl.load_workbook(out)
    sheet = book[SHEET]
    assert HELP_SHEET in book.sheetnames
    assert sheet.freeze_panes == "C2"
    (choice,) = sheet.data_validations.dataValidation
    assert choice.formula1 == '"same,different,unsure"'
    assert lines[0]["name A"]
    assert "by the model" in lines[0]["evidence"]
    shaded = {cell.value for row in sheet.iter_rows(min_row=2) for cell in row if cell.fill.fgColor.rgb == "FFFFE699"}
    assert {lines[0]["born A"], lines[0]["born B"]} <= shaded


def test_a_workbook_edited_as_people_do_comes_back(settings, tmp_path):
    out, lines = pairs_offered(settings, tmp_path)
    assert len(lines) >= 4
    head = list(lines[0])
    book = openpyxl.load_workbook(out)
    book.remove(book[SHEET])
    sheet = book.create_sheet("my pairs")
    # a title above, columns moved, one dropped, lines reversed, one deleted, one blank, words as people write them
    columns = [name for name in head[::-1] if name != "evidence"]
    answers = {0: ("  SAMA ", "Siti knows her"), 1: ("Different", "+62 is the uncle's"), 2: ("tidak pasti", None)}
    sheet.append(["Reviewed in May"])
    sheet.append([name.upper() for name in columns])
    for place in range(len(lines) - 2, -1, -1):
        verdict, why = answers.get(place, (None, None))
        line = lines[place] | {"verdict": verdict, "why": why, "who": "Budi" if place == 1 else None}
        sheet.append([line[name] for name in columns])
        sheet.append([])
    edited = tmp_path / "edited.xlsx"
    book.save(edited)
    done = godigital(settings, "review", "import", str(edited), "--by", "Siti")
    assert done.exit_code == 0, done.output
    assert "3 verdicts taken in" in done.output
    found = {"-".join(item.pair): item for item in judged(settings) if item.group_id == item.judgement_id}
    assert [found[lines[place]["key"]].verdict for place in range(3)] == [
        Verdict.SAME,
        Verdict.DIFFERENT,
        Verdict.UNSURE,
    ]
    assert [found[lines[place]["key"]].judged_by for place in range(3)] == ["Siti", "Budi", "Siti"]
    assert found[lines[1]["key"]].why == "+62 is the uncle's"
    again = godigital(settings, "review", "import", str(edited), "--by", "Siti")
    assert "0 verdicts taken in from edited.xlsx; 3 known already" in again.output
    assert len(pairs_offered(settings, tmp_path)[1]) == len(lines) - 3


def fill(out, target, **cells):
    """Write cells of the sheet, e.g. verdict_2="same", and save as another file."""
    book = openpyxl.load_workbook(out)
    sheet = book[SHEET]
    places = {cell.value: cell.column for cell in sheet[1]}
    for name, value in cells.items():
        column, row = name.rsplit("_", 1)
        sheet.cell(int(row), places[column]).value = value
    book.save(target)
    return target


def test_an_error_in_one_line_takes_in_none_and_names_every_place(settings, tmp_path):
    out, _ = pairs_offered(settings, tmp_path)
    wrong = fill(out, tmp_path / "wrong.xlsx", verdict_2="same", verdict_3="maybe", verdict_4="same", key_4="broken")
    result = godigital(settings, "review", "import", str(wrong), "--by", "Siti")
    assert result.exit_code == 1
    assert "wrong.xlsx, sheet 'Pairs', row 3, column 'verdict': 'maybe' is no verdict; write same," in result.stderr
    assert "row 4, column 'key'" in result.stderr
    assert "Nothing was taken in" in result.stderr
    assert judged(settings) == []


def test_one_pair_with_two_verdicts_is_an_error(settings, tmp_path):
    out, lines = pairs_offered(settings, tmp_path)
    doubled = fill(out, tmp_path / "two.xlsx", verdict_2="same", verdict_3="different", key_3=lines[0]["key"])
    result = godigital(settings, "review", "import", str(doubled), "--by", "Siti")
    assert (result.exit_code, "row 2 says same of the same pair" in result.stderr) == (1, True)


def test_a_pair_that_is_no_longer_there_is_told_and_the_rest_is_taken_in(settings, tmp_path):
    out, _ = pairs_offered(settings, tmp_path)
    gone = fill(out, tmp_path / "gone.xlsx", verdict_2="same", verdict_3="same", key_3=f"{'a' * 32}-{'b' * 32}")
    result = godigital(settings, "review", "import", str(gone), "--by", "Siti")
    assert result.exit_code == 0
    assert "1 verdicts taken in" in result.output
    assert "Row 3: a record of this pair is no longer there" in result.output


def test_importing_an_old_file_again_does_not_bring_back_what_was_taken_back(settings, tmp_path):
    out, _ = pairs_offered(settings, tmp_path)
    filled = fill(out, tmp_path / "filled.xlsx", verdict_2="same")
    godigital(settings, "review", "import", str(filled), "--by", "Siti")
    godigital(settings, "identity", "undo", "j1")
    godigital(settings, "review", "import", str(filled), "--by", "Siti")
    assert effective(judged(settings)).judged.must_link == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"name,verdict", "no Excel workbook", id="a csv"),
        pytest.param(b"PK\x03\x04 cut off", "cut off or damaged", id="damaged"),
    ],
)
def test_a_file_that_is_no_workbook_is_refused(indonesia, tmp_path, content, said):
    (tmp_path / "pairs.xlsx").write_bytes(content)
    result = godigital(indonesia, "review", "import", str(tmp_path / "pairs.xlsx"), "--by", "Siti")
    assert (result.exit_code, said in result.stderr) == (1, True)


def test_a_workbook_of_something_else_is_refused(indonesia, tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["name", "amount"])
    book.save(tmp_path / "other.xlsx")
    result = godigital(indonesia, "review", "import", str(tmp_path / "other.xlsx"), "--by", "Siti")
    assert (result.exit_code, "no sheet has the columns 'key' and 'verdict'" in result.stderr) == (1, True)


def test_no_word_means_two_verdicts():
    words = [word for found in WORDS.values() for word in found]
    assert len(words) == len(set(words))
    assert all(word == word.casefold() for word in words)


# --- asking ------------------------------------------------------------------------------------------------------


def test_explain_tells_the_evidence_the_band_and_the_judgement(settings, tmp_path):
    _, lines = pairs_offered(settings, tmp_path)
    two = next(line["key"].split("-") for line in lines if "two people" in line["today"])
    shown = godigital(settings, "explain", two[0][:16], two[1]).output
    assert "Two people." in shown
    assert "no link, but kept for review" in shown
    assert "Shared blocking keys" in shown
    godigital(settings, "review", "--by", "Siti", "--publish", keys=["w", "her own word", "sq"[0], "q"])
    judged_pair = judged(settings)[0].pair
    shown = godigital(settings, "explain", *judged_pair).output
    assert "One person" in shown
    assert "Siti judged them same on" in shown
    assert "her own word" in shown


def test_explain_says_that_two_were_never_compared(settings):
    strangers = rows(settings.data, "SELECT trainee_id FROM core_trainee ORDER BY trainee_id LIMIT 2")
    shown = godigital(settings, "explain", *(trainee for (trainee,) in strangers)).output
    assert "They were never compared" in shown


def test_a_retired_id_is_followed_and_the_history_says_who_and_why(settings):
    one, other = (row[0] for row in rows(settings.data, "SELECT trainee_id FROM core_trainee ORDER BY 1 LIMIT 2"))
    merged = godigital(settings, "identity", "merge", one, other, "--why", "one woman", "--by", "Siti")
    assert merged.exit_code == 0, merged.output
    assert "was merged into" in merged.output
    survivor = one if f"merged into {one}" in merged.output else other
    retired = other if survivor == one else one
    shown = godigital(settings, "trainee", retired).output
    assert f"{retired} was merged; this person is {survivor} today" in shown
    assert "Siti: one woman" in shown
    assert rows(settings.data, f"SELECT * FROM core_trainee WHERE trainee_id = '{retired}'") == []
    events = json.loads(godigital(settings, "identity", "history", "--json").stdout)
    assert [item["id"][0] for item in events] == ["e", "j"]
    back = godigital(settings, "identity", "undo", events[0]["id"], "--why", "no", "--by", "Siti")
    assert "is in use again" in back.output
    assert len(rows(settings.data, f"SELECT * FROM core_trainee WHERE trainee_id IN ('{one}', '{other}')")) == 2


def test_a_split_by_hand_is_published_and_told(settings):
    (trainee,) = rows(settings.data, "SELECT trainee_id FROM core_trainee WHERE trainings > 1 ORDER BY 1 LIMIT 1")[0]
    with open_vault(DataFolder(settings.data), "test") as con:
        found = con.execute("SELECT record_id FROM register WHERE trainee_id = ? ORDER BY 1", [trainee]).fetchall()
    before = people(settings)
    result = godigital(
        settings, "identity", "split", trainee, "--records", found[-1][0][:14], "--why", "the daughter", "--by", "Siti"
    )
    assert result.exit_code == 0, result.output
    assert people(settings) == before + 1
    assert "Take it back with: godigital identity undo j" in result.output


@pytest.mark.parametrize(
    ("bits", "shown"), [(0.0, "        |        "), (4.0, "        |>>      "), (-99.0, "<<<<<<<<|        ")]
)
def test_a_bar_shows_for_and_against(bits, shown):
    assert bar(bits) == shown


def test_a_birth_is_shown_with_how_exactly_it_is_known():
    import datetime as dt

    assert say_birth(dt.date(1985, 4, 2), dt.date(1985, 4, 2)) == "1985-04-02"
    assert say_birth(dt.date(1985, 1, 1), dt.date(1985, 1, 1)) == "1985 (1 January: year only)"
    assert say_birth(dt.date(1985, 1, 1), dt.date(1985, 12, 31)) == "1985 (year only)"
    assert say_birth(dt.date(1985, 3, 2), dt.date(1986, 3, 1)) == "1985-03-02 to 1986-03-01 (from an age)"
    assert say_birth(None, None) == ""
