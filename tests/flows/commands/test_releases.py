"""Why figures changed, told of real runs: deliveries, contracts, judgements and the model; and what a figure is of."""

import json
import stat

import pandas as pd
import pytest
from typer.testing import CliRunner

from flows.commands.app import app
from tests.conftest import hashes, rows, run
from warehouse.identity.linkage import model
from warehouse.lineage.figure_names import CellError, parse_figure
from warehouse.lineage.trace import trace
from warehouse.release.releases import current

runner = CliRunner()
CONTRACT = """
name: Invented co-operative (synthetic)
delivery: {kind: monthly, file_name: '(?P<year>\\d{4})-(?P<month>\\d{2})'}
file: {format: csv}
columns:
  full_name: Naran
  sex: Seksu
  birth_date: Loron moris
  phones: Telefone
  course_code: Kursu
  training_date: Loron treinu
missing: ['', '-']
lookups:
  sex: {F: Feto, M: Mane}
"""
HEADER = "Naran,Seksu,Loron moris,Telefone,Kursu,Loron treinu\n"
AMOSTRA = "Amostra da Costa,Feto,03/05/1990,77234567,DL101,{day}\n"
EXEMPLO = "Exemplo Soares,Mane,17/11/1985,77234999,JS120,{day}\n"
PROVA = "Prova Guterres,Feto,21/02/1971,77235111,SM201,{day}\n"
# a word that the contract does not know yet is read as a row without a valid sex
UNCLEAR = "Ensaio Belo,Feto,02/02/2019,77236222,SM201,{day}\n"


def godigital(settings, *words):
    return runner.invoke(app, [*words, "--raw", str(settings.raw), "--data", str(settings.data)])


@pytest.fixture
def coop(small):
    """One invented partner, who has sent August; published."""
    settings = small("BN/LDC")
    folder = settings.raw / "TL" / "COOP"
    folder.mkdir(parents=True)
    (folder / "partner.yml").write_text(CONTRACT)
    send(settings, "2020-09-03", "lista 2020-08.csv", AMOSTRA + EXEMPLO)
    assert run(settings, ["TL"]).published == 1
    return settings


def send(settings, received, name, lines, day="02/08/2020"):
    target = settings.raw / "TL" / "COOP" / "sample" / received
    target.mkdir(parents=True, exist_ok=True)
    (target / name).write_text(HEADER + lines.format(day=day))


def changes(settings):
    """Country TL: indicator -> cause -> change, as the current release says; it adds up."""
    table = rows(
        settings.data,
        "SELECT COLUMNS(c -> c LIKE 'by_%'), indicator_code, difference FROM report_restatement "
        "WHERE baseline = 'previous' AND country_code = 'TL' AND difference <> 0",
    )
    names = [
        name
        for (name,) in rows(
            settings.data,
            "SELECT column_name FROM duckdb_columns() WHERE table_name = 'report_restatement' "
            "AND column_name LIKE 'by_%' ORDER BY column_index",
        )
    ]
    found = {}
    for *parts, indicator, difference in table:
        assert sum(parts) == difference
        found[indicator] = {name: part for name, part in zip(names, parts, strict=True) if part}
    return found


def test_the_first_release_has_nothing_before_it(coop):
    assert rows(coop.data, "SELECT count(*) FROM report_restatement") == [(0,)]
    assert rows(coop.data, "SELECT count(*) FROM report_frozen") == [(0,)]


def test_a_new_month(coop):
    send(coop, "2020-10-03", "lista 2020-09.csv", AMOSTRA + PROVA, day="05/09/2020")
    run(coop, ["TL"])
    assert changes(coop) == {
        "people_reached": {"by_new_delivery": 1},
        "women": {"by_new_delivery": 1},
        "participations": {"by_new_delivery": 2},
    }


def test_a_corrected_month(coop):
    send(coop, "2020-10-03", "lista 2020-08 v2.csv", EXEMPLO + PROVA + PROVA.replace("SM201", "DL101"))
    run(coop, ["TL"])
    # one woman for another, who came twice
    assert changes(coop) == {"participations": {"by_corrected_delivery": 1}, "youth": {"by_corrected_delivery": -1}}


def test_a_contract_under_which_other_rows_are_valid(coop):
    send(coop, "2020-10-03", "lista 2020-09.csv", PROVA.replace("21/02/1971", "31/02/1971"), day="05/09/2020")
    run(coop, ["TL"])
    assert changes(coop) == {}
    contract = coop.raw / "TL" / "COOP" / "partner.yml"
    contract.write_text(CONTRACT.replace("missing: ['', '-']", "missing: ['', '-', '31/02/1971']"))
    run(coop, ["TL"])
    assert changes(coop)["people_reached"] == {"by_contract": 1}


def test_a_contract_that_reads_a_word_otherwise(coop):
    send(coop, "2020-10-03", "lista 2020-09.csv", PROVA, day="05/09/2020")
    run(coop, ["TL"])
    contract = coop.raw / "TL" / "COOP" / "partner.yml"
    contract.write_text(CONTRACT.replace("{F: Feto, M: Mane}", "{F: Mane, M: Feto}"))
    run(coop, ["TL"])
    assert changes(coop) == {"women": {"by_contract": -1}}


def test_a_merge_by_hand_and_its_end(coop):
    one, other = (row[0] for row in rows(coop.data, "SELECT trainee_id FROM core_trainee ORDER BY sex"))
    godigital(coop, "identity", "merge", one, other, "--why", "one person", "--by", "Siti")
    assert changes(coop)["people_reached"] == {"by_judgement": -1}
    godigital(coop, "identity", "undo", "j1", "--why", "two after all", "--by", "Siti")
    assert changes(coop)["people_reached"] == {"by_judgement": 1}
    said = json.loads(godigital(coop, "diff", "1", "3", "--json").stdout)
    assert all(line["difference"] == 0 for line in said)


def test_a_record_that_links_two_people_merges_them(coop):
    # the same name and phone, and no birth date: one and the same with each of the two
    send(coop, "2020-10-03", "lista 2020-09.csv", "Amostra da Costa,Feto,-,77239000,DL101,05/09/2020\n")
    run(coop, ["TL"])
    before = rows(coop.data, "SELECT trainees FROM report_reach WHERE country_code = 'TL'")[0][0]
    send(coop, "2020-11-03", "lista 2020-10.csv", AMOSTRA.replace("77234567", "77234567 / 77239000"), day="05/10/2020")
    run(coop, ["TL"])
    after = rows(coop.data, "SELECT trainees FROM report_reach WHERE country_code = 'TL'")[0][0]
    assert changes(coop).get("people_reached", {}) == ({"by_identity_merge": -1} if after < before else {})
    assert (before, after) == (3, 2)


def test_other_weights(coop, monkeypatch):
    send(coop, "2020-10-03", "lista 2020-09.csv", AMOSTRA.replace("77234567", "77230000"), day="05/09/2020")
    run(coop, ["TL"])
    assert "people_reached" not in changes(coop)
    stricter = model.load_model().model_copy(update={"link_weight": 1000.0, "version": "stricter"})
    monkeypatch.setattr(model, "load_model", lambda: stricter)
    run(coop, ["TL"], reread=True)
    assert changes(coop)["people_reached"] == {"by_model": 1}


def test_a_rebuild_from_nothing_gives_the_same_tables(coop, tmp_path):
    send(coop, "2020-10-03", "lista 2020-09.csv", PROVA, day="05/09/2020")
    run(coop, ["TL"])
    again = coop.model_copy(update={"data": tmp_path / "again"})
    (again.data / "private").mkdir(parents=True, mode=0o700)
    (again.data / "private" / "identity.key").write_bytes((coop.data / "private" / "identity.key").read_bytes())
    run(again, ["TL"])
    assert hashes(again.data) == hashes(coop.data)
    manifest = json.loads((again.data / "releases" / "000001.json").read_text())
    assert manifest["historical_tables"] == ["report_restatement", "report_frozen", "run", "run_stage"]
    assert manifest["tables"]["report_restatement"]["rows"] == 0


# -- commands


def test_freezing_listing_and_comparing(coop):
    said = godigital(coop, "freeze", "2020-Q3", "--reason", "quarterly report", "--by", "Siti")
    assert (said.exit_code, "Release 1 is frozen as 2020-Q3" in said.output) == (0, True)
    assert godigital(coop, "freeze", "2020-Q3").exit_code == 1
    (listed,) = json.loads(godigital(coop, "freeze", "--json").stdout)
    assert (listed["by"], listed["reason"], listed["state"]) == ("Siti", "quarterly report", "as it was frozen")
    assert json.loads(godigital(coop, "releases", "--json").stdout)[0]["frozen as"] == "2020-Q3"
    nothing = godigital(coop, "diff")
    assert (nothing.exit_code, "nothing to compare with" in nothing.stderr) == (1, True)
    send(coop, "2020-10-03", "lista 2020-09.csv", PROVA, day="05/09/2020")
    run(coop, ["TL"])
    shown = godigital(coop, "diff").output
    assert "Release 2 against 1" in shown
    assert "new delivery" in shown
    assert "judgement" not in shown
    assert godigital(coop, "diff", "2020-Q3", "--json").stdout == godigital(coop, "diff", "1", "2", "--json").stdout
    assert "the later one: godigital diff 1 2" in godigital(coop, "diff", "2", "1").stderr
    assert "there is no release 2019; kept: 1, 2" in godigital(coop, "diff", "2019").stderr
    assert "nothing is frozen under this label; there is 2020-Q3" in godigital(coop, "diff", "2019-Q4").stderr
    assert godigital(coop, "freeze", "2020-Q3", "--remove").exit_code == 1
    let_go = godigital(coop, "freeze", "2020-Q3", "--remove", "--reason", "the wrong one", "--by", "Siti")
    assert (let_go.exit_code, "may be pruned" in let_go.output) == (0, True)


def test_a_figure_is_traced_to_rows_that_only_their_writer_can_read(coop, tmp_path):
    out = tmp_path / "rows.csv"
    shown = godigital(coop, "trace", "report_reach", "TL", "women", "--rows", "--out", str(out))
    assert shown.exit_code == 0, shown.output
    assert "report_reach TL women = 1" in shown.output
    assert "people reached whose sex is F" in shown.output
    assert "It adds up: 1 found, 1 published." in shown.output
    assert "lista 2020-08.csv" in shown.output
    assert "Private" in shown.output
    assert "NOTE" not in shown.stderr
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    (row,) = pd.read_csv(out, dtype=str).to_dict("records")
    assert (row["row_number"], row["training_date"], row["is_counted"]) == ("2", "2020-08-02", "True")
    assert rows(coop.data, "SELECT trainee_id FROM core_trainee WHERE sex = 'F'") == [(row["trainee_id"],)]
    book = tmp_path / "rows.xlsx"
    godigital(coop, "trace", "report_reach", "TL", "--out", str(book))
    assert len(pd.read_excel(book, engine="calamine")) == 2
    assert stat.S_IMODE(book.stat().st_mode) == 0o600
    assert "as .csv or .xlsx" in godigital(coop, "trace", "report_reach", "TL", "--out", "rows.txt").stderr


def test_an_earlier_release_is_traced_as_it_was(coop):
    send(coop, "2020-10-03", "lista 2020-08 v2.csv", EXEMPLO)
    run(coop, ["TL"])
    now = json.loads(godigital(coop, "trace", "report_reach TL", "--json").stdout)
    assert (now["published"], now["traced"], now["agrees"]) == (1, 1, True)
    then = godigital(coop, "trace", "report_reach TL", "--release", "1", "--json")
    assert "moved on since release 1" in then.stderr
    said = json.loads(then.stdout)
    assert (said["published"], said["traced"], said["deliveries"][0]["file"]) == (2, 2, "2020-09-03/lista 2020-08.csv")


def test_rows_that_do_not_count_are_traced_to_the_vault(coop):
    send(coop, "2020-10-03", "lista 2020-09.csv", UNCLEAR + PROVA, day="05/09/2020")
    run(coop, ["TL"])
    shown = godigital(coop, "trace", "report_data_quality", "TL-COOP", "2020-10", "rows_rejected", "--rows")
    assert "It adds up: 1 found, 1 published." in shown.output
    assert "age" in shown.output.split("Rows (private)")[1]


# -- every kind of figure, on the shipped samples

CELLS = (
    "report_reach ALL",
    "report_reach VN women",
    "report_reach PH youth",
    "report_reach ALL rural",
    "report_reach_by VN 2021-Q3 sex F",
    "report_reach_by ALL",
    "report_reach_by ALL 2021-Q1 all all people_first_reached",
    "report_reach_by TH ALL sex x is_youth F x yes",
    "report_reach_by ALL 2020-Q3 age_band x is_rural 18-24 x not stated",
    "report_reach_by ALL 2021-Q2 partner_id VN-TYM",
    "report_reach_by ALL ALL partner_id x course_code VN-TYM x DL101",
    "report_reach_by VN 2021-Q3 sex x partner_id F x VN-TYM people_first_reached",
    "report_reach_by ALL ALL youth_15_35 yes",
    "report_reach_by country_code=KH dimension=course_code dimension_value=DL101 quarter=2021-Q1",
    "report_course ALL",
    "report_course TH 2021-Q1 ALL participations",
    "report_course VN ALL DL101 hours_attended",
    "report_course ALL 2020-Q4 ALL participations_with_hours",
    "report_target people_all",
    "report_target women_all 2021-Q2",
    "report_target youth_all 2021-Q2",
    "report_target youth_all 2021-Q2 denominator",
    "report_target people_kh 2021-Q1",
)


@pytest.mark.parametrize("figure", CELLS)
def test_what_is_traced_adds_up_to_what_was_published(demo, figure):
    settings, _ = demo
    release = current(settings.data)
    found = trace(settings.data, release.number, release.path, [figure])
    assert found.agrees
    assert found.traced > 0
    if found.measure != "hours":
        assert sum(part.counted for part in found.deliveries) == found.traced
    assert sum(part.rows for part in found.deliveries) == len(found.rows)
    # the name that it is shown by leads to the same figure
    assert trace(settings.data, release.number, release.path, [found.cell.name]).cell == found.cell


def test_every_figure_of_the_quality_of_deliveries_adds_up(demo):
    settings, _ = demo
    release = current(settings.data)
    names = ("rows_in", "rows_rejected", "rows_structural", "rows_accepted", "rows_flagged", "rows_without_phone")
    lines = rows(
        settings.data,
        f"SELECT partner_id, month, {', '.join(names)} FROM report_data_quality "
        "ORDER BY md5(partner_id || month) LIMIT 6",
    )
    for partner, month, *figures in lines:
        for name, figure in zip(names, figures, strict=True):
            found = trace(settings.data, release.number, release.path, ["report_data_quality", partner, month, name])
            assert (found.agrees, found.traced) == (True, figure)


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        ("report_reech VN", "cannot be traced; these can be traced"),
        ("core_trainee", "report_reach country_code: trainees, women"),
        ("report_reach VM women", "did you mean VN"),
        ("report_reach", "say which country_code of report_reach: there is ALL, BN"),
        ("report_reach VN womn", "neither a key nor a figure of report_reach; its figures are trainees, women"),
        ("report_reach VN women youth", "one figure at a time"),
        ("report_reach_by VN 2031-Q3", "no quarter of report_reach_by beside country_code=VN"),
        ("report_reach_by VN 2021-Q3 sex Y", "there is: F, M"),
        ("report_course VN partner=TYM", "no key of report_course; its keys are country_code, quarter, course_code"),
        ("report_target people_all 2021-Q3 denominator", "says no denominator"),
        ("report_reach 'VN", "quotation mark"),
        ("", "say which figure"),
    ],
)
def test_a_figure_that_is_not_there_is_answered_with_those_that_are(demo, figure, said):
    settings, _ = demo
    release = current(settings.data)
    with pytest.raises(CellError) as error:
        trace(settings.data, release.number, release.path, [figure])
    assert said in str(error.value)


def test_words_of_a_figure_may_come_one_by_one():
    whole = parse_figure(["report_reach_by VN 2021-Q3 'sex x is_rural' 'F x not stated'"])
    assert (
        parse_figure(["report_reach_by", "VN", "2021-Q3", "sex", "x", "is_rural", "F", "x", "not", "stated"]) == whole
    )
    assert parse_figure(["report_reach_by", "VN", "2021-Q3", "sex x is_rural", "F x not stated"]) == whole
