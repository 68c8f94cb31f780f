"""`godigital identity evaluate` and `train` as a person types them, on vaults whose people are known."""

import json
import stat

import pandas as pd
import pytest
from typer.testing import CliRunner

from flows.commands.app import app
from flows.settings import Settings
from tests.conftest import KEY, make_settings
from tests.generators.draws import fill_records, link_vault, write_truth
from tests.generators.identity_records import generate
from warehouse.identity.linkage.model import MODEL_FILE, MatchModel, load_model
from warehouse.storage.data_folder import DataFolder
from warehouse.vault.open import open_vault

runner = CliRunner()
RECORDS = generate(2500, seed=11)


def godigital(settings, *words):
    given = ["identity", *words, "--raw", str(settings.raw), "--data", str(settings.data)]
    return runner.invoke(app, [str(word) for word in given])


@pytest.fixture(scope="module")
def vault(tmp_path_factory) -> Settings:
    """A vault of invented records, linked, with their truth in the folder `truth` beside it."""
    folder = tmp_path_factory.mktemp("evaluate")
    settings = make_settings(folder / "raw", folder / "data")
    with open_vault(DataFolder(settings.data), "test") as con:
        fill_records(con, RECORDS)
        link_vault(con, load_model())
    write_truth(RECORDS, folder / "truth")
    return settings


def truth_of(settings):
    return settings.data.parent / "truth"


@pytest.fixture(scope="module")
def figures(vault):
    done = godigital(vault, "evaluate", "--truth", truth_of(vault), "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def scores(figures, method, group, value):
    found = [row for row in figures["scores"] if (row["method"], row["group"], row["value"]) == (method, group, value)]
    assert len(found) == 1
    return found[0]


def test_ours_stands_beside_every_baseline_on_the_same_rows(figures):
    names = [item["method"] for item in figures["methods"]]
    assert names == ["godigital", "nobody linked", "same name and birth date", "same phone", "Splink's tutorial"]
    of_all = [scores(figures, name, "country", "ALL") for name in names]
    assert {row["records"] for row in of_all} == {len(RECORDS)}
    assert {row["people"] for row in of_all} == {RECORDS["person_id"].nunique()}
    assert of_all[1]["found"] == len(RECORDS)
    assert of_all[0]["f1"] > max(row["f1"] for row in of_all[1:])


def test_every_country_script_sex_and_half_is_judged(figures):
    values = {(row["group"], row["value"]) for row in figures["scores"] if row["method"] == "godigital"}
    assert {("country", country) for country in RECORDS["country_code"].unique()} <= values
    assert {("script", "Latin"), ("script", "Thai"), ("sex", "F"), ("sex", "M")} <= values
    halves = [scores(figures, "godigital", "part", part) for part in ("trained on", "not trained on")]
    assert sum(row["people"] for row in halves) == RECORDS["person_id"].nunique()
    assert scores(figures, "godigital", "country", "ALL")["f1_low"] < 1


def test_the_ceiling_two_countries_and_calibration_are_said(figures):
    assert 0.9 < figures["ceiling"]["direct"] <= figures["ceiling"]["closed"] <= 1
    ours = figures["two_countries"][0]
    assert ours["people"] == (RECORDS.groupby("person_id")["country_code"].nunique() > 1).sum()
    assert sum(step["pairs"] for step in figures["calibration"]["bins"]) > 100
    assert figures["truth"]["stated_people"]["ALL"] == RECORDS["person_id"].nunique()
    assert {row["kind"] for row in figures["labelled_pairs"]} == {"same_person"}
    assert {row["relation"] for row in figures["relatives"]} == {"household"}


def test_the_same_seed_gives_the_same_figures(vault, figures):
    again = json.loads(godigital(vault, "evaluate", "--truth", truth_of(vault), "--json").stdout)
    for found in (figures, again):
        found["methods"] = [item["method"] for item in found["methods"]]
    assert again == figures


def test_the_tables_on_the_terminal_say_what_counts(vault):
    done = godigital(vault, "evaluate", "--truth", truth_of(vault), "--tutorial-seconds", "0")
    assert done.exit_code == 0, done.output
    for said in ("godigital", "nobody linked", "false merges", "not trained on", "Ceiling", "two countries", "TH"):
        assert said in done.stdout
    assert "Splink's tutorial" not in done.stdout


def test_a_tutorial_that_does_not_end_is_reported_as_such(vault):
    done = godigital(vault, "evaluate", "--truth", truth_of(vault), "--tutorial-seconds", "0.01")
    assert done.exit_code == 0, done.output
    assert "stopped after 0.01 s" in done.stdout


def test_the_page_is_private_and_lies_beside_the_vault_or_where_it_is_wanted(vault, figures, tmp_path):
    page = vault.data / "private" / "identity-evaluation.html"
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    wanted = tmp_path / "page.html"
    words = ("evaluate", "--truth", truth_of(vault), "--page", wanted, "--tutorial-seconds", "0")
    assert str(wanted) in godigital(vault, *words).stdout
    assert stat.S_IMODE(wanted.stat().st_mode) == 0o600


def test_the_page_opens_offline_without_scripts_and_holds_nothing_of_people(vault, figures):
    text = (vault.data / "private" / "identity-evaluation.html").read_text(encoding="utf-8")
    assert "<script" not in text
    for address in ("http:", "https:", "//", "@import", "src="):
        assert address not in text, address
    assert text.count("url(") == text.count("url(#")
    # no name, phone, date, number or id of anybody: whole values, as they stand in the records
    for column in ("full_name", "phones", "email", "national_id", "member_id", "record_id", "person_id", "latin_name"):
        stated = RECORDS[column].dropna().astype(str)
        assert [value for value in stated.unique() if len(value) > 5 and value in text] == [], column
    for column in ("birth_date", "birth_earliest"):
        days = pd.to_datetime(RECORDS[column]).dropna().dt.strftime("%Y-%m-%d")
        assert [day for day in days.unique() if day in text] == []
    assert KEY not in text


def test_every_chart_has_a_title_a_sentence_and_its_data(vault, figures):
    text = (vault.data / "private" / "identity-evaluation.html").read_text(encoding="utf-8")
    parts = text.split("<figure")[1:]
    assert len(parts) >= 6
    for part in parts:
        body = part.split("</figure>")[0]
        for wanted in ("<svg", "<figcaption", "<h3", "<table"):
            assert wanted in body, body[:200]
    for said in ("Splink", "pair 1", "linked rightly", "calibrat"):
        assert said in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["evaluate", "--truth", "nowhere"], r"it has no records.parquet"),
        (["train", "--truth", "nowhere", "--out", "model.json"], "it has no records.parquet"),
        (["train", "--labels", "nowhere.csv", "--out", "model.json"], "no such file"),
        (["train", "--out", "model.json"], "either --truth or --labels"),
        (["train", "--truth", "a", "--labels", "b", "--out", "model.json"], "either --truth or --labels"),
        (["train", "--truth", "a", "--out", str(MODEL_FILE)], "these are the committed weights"),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(vault, words, said):
    done = godigital(vault, *words)
    assert (done.exit_code, "Traceback" in done.output) == (1, False)
    assert said in done.stderr


@pytest.mark.parametrize("words", [["evaluate", "--truth", "x"], ["train", "--truth", "x", "--out", "model.json"]])
def test_without_a_vault_there_is_nothing_to_judge(tmp_path, words):
    done = godigital(make_settings(tmp_path / "raw", tmp_path / "data"), *words)
    assert done.exit_code == 1
    assert "nothing has run here yet" in done.stderr


def test_truth_of_other_rows_is_refused(vault, tmp_path):
    pd.DataFrame([("other.csv", 2, "P1")], columns=["file", "row", "person_id"]).to_parquet(
        tmp_path / "records.parquet"
    )
    done = godigital(vault, "evaluate", "--truth", tmp_path)
    assert done.exit_code == 1
    assert "not one accepted row stands in the truth" in done.stderr


@pytest.mark.parametrize("rows", [1, 40])
def test_few_rows_of_places_and_persons_are_enough(vault, tmp_path, rows):
    known = pd.read_parquet(truth_of(vault) / "records.parquet")[["file", "row", "person_id"]]
    known.head(rows).to_parquet(tmp_path / "records.parquet")
    page = tmp_path / "page.html"
    done = godigital(vault, "evaluate", "--truth", tmp_path, "--page", page)
    assert done.exit_code == 0, done.output
    assert f"{len(RECORDS) - rows} accepted rows that the truth does not know" in done.stdout
    assert "The truth has no labelled pairs." in page.read_text(encoding="utf-8")


def test_training_again_writes_the_same_bytes(vault, tmp_path):
    committed = MODEL_FILE.read_bytes()
    outs = [tmp_path / name for name in ("one.json", "two.json", "three.json")]
    for out, seed in zip(outs, ("1", "1", "2"), strict=True):
        done = godigital(vault, "train", "--truth", truth_of(vault), "--out", out, "--version", "t", "--seed", seed)
        assert done.exit_code == 0, done.output
        assert "not trained on" in done.stdout
        assert "difference" in done.stdout
    assert outs[0].read_bytes() == outs[1].read_bytes() != outs[2].read_bytes()
    model = MatchModel.model_validate_json(outs[0].read_text())
    assert model.version == "t"
    assert MODEL_FILE.read_bytes() == committed


def test_labels_train_as_truth_does(vault, tmp_path):
    labels = tmp_path / "labels.csv"
    RECORDS[["record_id", "person_id"]].to_csv(labels, index=False)
    by_labels, by_truth = tmp_path / "labels.json", tmp_path / "truth.json"
    assert godigital(vault, "train", "--labels", labels, "--out", by_labels).exit_code == 0
    assert godigital(vault, "train", "--truth", truth_of(vault), "--out", by_truth).exit_code == 0
    assert by_labels.read_bytes() == by_truth.read_bytes()


def test_a_folder_that_cannot_be_written_is_said_in_a_sentence(vault, tmp_path):
    words = ("train", "--truth", truth_of(vault), "--out", tmp_path / "nowhere" / "model.json")
    done = godigital(vault, *words)
    assert (done.exit_code, "nothing was written" in done.stderr) == (1, True)


@pytest.mark.xdist_group("kit")
def test_the_development_kit_is_judged_beside_the_baselines(devkit, kit):
    settings, _ = kit
    found = json.loads(godigital(settings, "evaluate", "--truth", devkit / "truth", "--json").stdout)
    names = [item["method"] for item in found["methods"]]
    by_name = {name: scores(found, name, "country", "ALL") for name in names}
    assert found["truth"]["rows_without_truth"] == 0
    assert by_name["nobody linked"]["error_share"] > 0.3
    assert by_name["godigital"]["f1"] > 0.99 > max(by_name[name]["f1"] for name in names[1:])
    halves = [scores(found, "godigital", "part", part)["f1"] for part in ("trained on", "not trained on")]
    assert abs(halves[0] - halves[1]) < 0.005
    assert found["two_countries"][0]["people"] == 14
