"""The report as a person asks for it: of the current release, of an earlier one, of one country."""

import pytest
from typer.testing import CliRunner

from flows.commands.app import app
from tests.conftest import make_settings, run


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    from tests.conftest import copy_partners

    folder = tmp_path_factory.mktemp("report")
    made = make_settings(copy_partners(folder / "raw", "BN/LDC", "SG/ACE"), folder / "data")
    run(made)
    return made


def report(settings, *words):
    return CliRunner().invoke(app, ["report", *words, "--raw", str(settings.raw), "--data", str(settings.data)])


def test_the_current_release_is_reported_on_and_latest_leads_there(settings):
    result = report(settings)
    assert result.exit_code == 0, result.output
    folder = settings.data / "report" / "release-1"
    assert f"Report on release 1: {folder / 'index.html'}" in result.output
    assert sorted(file.name for file in folder.iterdir()) == ["bn.html", "index.html", "sg.html"]
    assert (settings.data / "report" / "latest" / "index.html").samefile(folder / "index.html")


def test_a_country_has_a_page_by_itself_in_any_folder(settings, tmp_path):
    result = report(settings, "--country", "bn", "--release", "1", "--out", str(tmp_path / "pages"))
    assert result.exit_code == 0, result.output
    (page,) = (tmp_path / "pages").iterdir()
    assert page.name == "bn.html"
    text = page.read_text(encoding="utf-8")
    assert "Brunei Darussalam" in text
    assert ".html" not in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--release", "7"], "there is no release 7; kept: 1"),
        (["--country", "XX"], "XX: the release has no such country; it has BN, SG"),
    ],
)
def test_what_is_not_there_is_named(settings, words, said):
    result = report(settings, *words)
    assert (result.exit_code, said in result.stderr) == (1, True)


def test_without_a_release_there_is_no_report(tmp_path):
    result = report(make_settings(tmp_path / "raw", tmp_path / "data"))
    assert (result.exit_code, "start with `godigital run`" in result.stderr) == (1, True)


def test_a_folder_that_cannot_be_made_is_named(settings, tmp_path):
    (tmp_path / "file").write_text("")
    result = report(settings, "--out", str(tmp_path / "file"))
    assert (result.exit_code, "the report is not complete" in result.stderr) == (1, True)
