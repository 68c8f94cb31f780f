"""Published claims beside a release that was built: of samples, of real deliveries, and of nothing."""

import json
import shutil
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from flows.claims.against_release import compare_with_release, read_release_figures
from flows.commands.app import app
from schemas.claims import Claims, load_claims
from tests.conftest import PROJECT, rows, run

PUBLISHED = PROJECT / "raw" / "claims" / "published.yml"
CONSISTENT = """sources:
  report: {title: report, publisher: Invented co-operative, date: 2022, where: page 7}
claims:
  people: {words: w, source: report, value: 10, unit: people, indicator: trainees, country: BN}
  women: {words: w, source: report, value: 4, unit: people, indicator: women, country: BN}
  men: {words: w, source: report, value: 6, unit: people, counts: men, country: BN}
relations:
  all: {kind: sum, parts: [women, men], whole: people}
"""


def reconcile(data: Path, *words: str):
    return CliRunner().invoke(app, ["reconcile", *words, "--data", str(data)], env={"COLUMNS": "200"})


def claims_of(**values) -> Claims:
    """Claims by code: (value, indicator, country, and more)."""
    source = {"title": "t", "publisher": "Invented co-operative", "date": "2022", "where": "p"}
    claims = {
        code: {
            "words": "w",
            "source": "s",
            "unit": "people",
            "value": value,
            "indicator": indicator,
            "country": country,
        }
        | more
        for code, (value, indicator, country, more) in values.items()
    }
    return Claims.model_validate({"sources": {"s": source}, "claims": claims})


@pytest.fixture(scope="module")
def findings_on_samples(demo):
    """Findings about the shipped claims beside the release of the shipped samples, and that release's figures."""
    settings, _ = demo
    figures = read_release_figures(settings.data / "warehouse.duckdb")
    return (
        {code: item for item in compare_with_release(load_claims(PUBLISHED), figures) for code in item.claims},
        figures,
        settings.data,
    )


def test_a_release_of_samples_is_called_synthetic_and_confirms_nothing(findings_on_samples):
    findings, figures, data = findings_on_samples
    assert set(figures.samples.values()) == {True}
    compared = [item for item in findings.values() if item.published is not None]
    assert len(compared) == 13
    assert {item.kind for item in compared} == {"compared_with_warehouse"}
    assert all("synthetic samples" in item.meaning for item in compared)
    (described,) = (item for item in compare_with_release(load_claims(PUBLISHED), figures) if item.kind == "warehouse")
    assert "10 partners in 10 countries. It holds samples (all of them), which are synthetic" in described.meaning
    assert rows(data, "SELECT DISTINCT is_sample FROM core_delivery") == [(True,)]


@pytest.mark.parametrize(
    ("code", "figure", "country", "published"),
    [
        ("people", "trainees", "ALL", 225778),
        ("women", "women", "ALL", 140276),
        ("youth", "youth", "ALL", 145407),
        ("owners", "msme_owners", "ALL", 183096),
        ("job_seekers", "job_seekers", "ALL", 42682),
        ("with_disability", "with_disability", "ALL", 1983),
        ("indigenous", "indigenous", "ALL", 19064),
        ("vn_people", "trainees", "VN", 81560),
        ("th_people", "trainees", "TH", 53000),
        ("id_people", "trainees", "ID", 35557),
    ],
)
def test_a_published_number_is_compared_with_the_release(findings_on_samples, code, figure, country, published):
    findings, _, data = findings_on_samples
    (ours,) = rows(data, f"SELECT {figure} FROM report_reach WHERE country_code = '{country}'")[0]
    found = findings[code]
    assert ours > 0
    assert (found.country, found.warehouse, found.difference) == (country, ours, ours - published)
    assert found.ratio == pytest.approx(ours / published, abs=1e-6)
    assert f"release {ours:,}, " in found.arithmetic


def test_a_published_share_is_compared_with_the_release(findings_on_samples):
    findings, _, data = findings_on_samples
    women, people = rows(data, "SELECT women, trainees FROM report_reach WHERE country_code = 'ALL'")[0]
    assert findings["women_share"].warehouse == pytest.approx(100 * women / people, abs=1e-4)
    assert f"release {women:,} / {people:,} = " in findings["women_share"].arithmetic


def test_youth_of_another_band_is_counted_in_that_band(findings_on_samples):
    _, figures, data = findings_on_samples
    file = claims_of(
        now=("5", "youth", "ALL", {"band": "youth_18_35"}),
        then=("5", "youth", "ALL", {"band": "youth_15_35"}),
        vn=("5", "youth", "VN", {"band": "youth_15_35"}),
        unknown=("5", "youth", "ALL", {"band": "not stated"}),
    )
    findings = {item.claims[0]: item for item in compare_with_release(file, figures) if item.claims}
    (wide,) = rows(data, "SELECT count(*) FROM core_trainee WHERE age_at_first_training BETWEEN 15 AND 35")[0]
    (vietnam,) = rows(
        data,
        "SELECT count(DISTINCT trainee_id) FROM core_trainee JOIN core_attendance AS a USING (trainee_id) "
        "WHERE a.country_code = 'VN' AND age_at_first_training BETWEEN 15 AND 35",
    )[0]
    assert findings["then"].warehouse == wide != findings["now"].warehouse
    assert findings["vn"].warehouse == vietnam
    assert (findings["unknown"].kind, findings["unknown"].warehouse) == ("not_in_warehouse", None)


def test_what_the_release_cannot_know_is_said(findings_on_samples):
    findings, figures, _ = findings_on_samples
    assert findings["survey_participants"].kind == findings["seekers_two_months"].kind == "not_in_warehouse"
    share = {"unit": "share", "denominator": {"words": "those who came"}}
    file = claims_of(tl=("5", "trainees", "TL", {}), share=("5%", "women", "ALL", share))
    meanings = {item.claims[0]: item.meaning for item in compare_with_release(file, figures) if item.claims}
    assert meanings["tl"] == "The release holds nobody from TL."
    assert meanings["share"] == "The release cannot know of whom this is a share."


def test_real_deliveries_confirm_or_contradict(small, tmp_path):
    settings = small("BN/LDC")
    # the same bytes from somewhere else are no samples
    shutil.copytree(settings.raw / "BN" / "LDC" / "sample", tmp_path / "real")
    run(settings, source=str(tmp_path / "real"))
    (people,) = rows(settings.data, "SELECT trainees FROM report_reach WHERE country_code = 'BN'")[0]
    assert rows(settings.data, "SELECT DISTINCT is_sample FROM core_delivery") == [(False,)]
    file = claims_of(
        right=(str(people), "trainees", "BN", {}),
        bound=({"more_than": str(people - 1)}, "trainees", "BN", {}),
        edge=({"more_than": str(people)}, "trainees", "BN", {}),
        wrong=(str(people + 3), "trainees", "BN", {}),
        whole=(str(people + 3), "trainees", "ALL", {}),
    )
    findings = compare_with_release(file, read_release_figures(settings.data / "warehouse.duckdb"))
    kinds = {item.claims[0]: item.kind for item in findings if item.claims}
    assert kinds == {
        "right": "confirmed",
        "bound": "possible",
        "edge": "differs",
        "wrong": "differs",
        "whole": "compared_with_warehouse",
    }
    assert "less than the whole programme: nothing from ID, KH" in findings[0].meaning
    assert "synthetic" not in findings[0].meaning
    wrong = next(item for item in findings if item.claims == ("wrong",))
    assert wrong.difference == -3
    assert wrong.ask.startswith("Invented co-operative: which deliveries")


def test_the_command_shows_tables_and_ends_with_two(findings_on_samples):
    _, _, data = findings_on_samples
    result = reconcile(data, str(PUBLISHED))
    assert result.exit_code == 2, result.output
    for said in ("183,096 + 42,682 = 225,778", "published as 60 %", "Does not fit", "Is lacking", "synthetic", "0.7 %"):
        assert said in result.output


def test_the_command_as_json_is_one_array(findings_on_samples):
    _, _, data = findings_on_samples
    found = json.loads(reconcile(data, str(PUBLISHED), "--json").stdout)
    assert {item["severity"] for item in found} == {"fails", "lacks", "holds", "shown"}
    partition = next(item for item in found if item["kind"] == "adds_up")
    assert partition["claims"] == ["owners", "job_seekers", "people"]
    assert next(item for item in found if item["claims"] == ["vn_people"])["difference"] < 0


def test_without_a_release_the_claims_are_held_against_each_other_all_the_same(tmp_path):
    result = reconcile(tmp_path)
    assert result.exit_code == 2
    assert "There is no release to ask" in result.output
    assert "35,557: 1,775 less" in result.output


def test_a_release_that_cannot_be_asked_is_said_and_the_claims_are_checked(tmp_path):
    # built before deliveries said whether they are samples
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as con:
        con.execute("CREATE TABLE core_delivery (delivery_id VARCHAR)")
    result = reconcile(tmp_path)
    assert result.exit_code == 2
    assert "WARNING the release cannot be read; `godigital run` builds a new one" in result.stderr
    assert "183,096 + 42,682 = 225,778" in result.stdout


def test_exit_codes_of_a_consistent_and_of_an_unusable_file(tmp_path):
    file = tmp_path / "claims.yml"
    file.write_text(CONSISTENT, encoding="utf-8")
    good = reconcile(tmp_path, str(file))
    assert (good.exit_code, "4 + 6 = 10" in good.output) == (0, True)
    file.write_text(CONSISTENT.replace("value: 6", "value: 7"), encoding="utf-8")
    assert reconcile(tmp_path, str(file)).exit_code == 2
    file.write_text(CONSISTENT.replace("counts: men", "counted: men"), encoding="utf-8")
    bad = reconcile(tmp_path, str(file))
    assert (bad.exit_code, bad.stdout) == (1, "")
    assert f"{file}, line 6: claims.men.counted: unknown key; see raw/claims/README.md" in bad.stderr
    missing = reconcile(tmp_path, str(tmp_path / "none.yml"))
    assert (missing.exit_code, "no such file" in missing.stderr) == (1, True)
