"""An export is the release, whole, described, the same each time, and without anything that is not to be published."""

import csv
import datetime as dt
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import frictionless
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from flows.commands.app import app
from flows.run.result import RunResult
from flows.settings import Settings
from schemas.columns import COLUMNS
from schemas.published import PUBLISHED_TABLES, Table
from tests.warehouse.tiny_vault import TinyVault
from warehouse.export.export import Exported, ExportError, choose_tables, export_release
from warehouse.export.readme_text import Selection
from warehouse.release.releases import PublishError, Release, require_release
from warehouse.storage.spreadsheet_cells import neutralise

OPEN = tuple(table for table in PUBLISHED_TABLES if not table.holds_people)
PEOPLE = tuple(table for table in PUBLISHED_TABLES if table.holds_people)


def export(release: Release, target: Path, **selection: Any) -> Exported:
    return export_release(release, target, Selection(**selection), programme_name="Go Digital ASEAN")


def published(vault: TinyVault, data: Path) -> Release:
    vault.publish(data)
    return require_release(data, None)


def package(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def release(demo: tuple[Settings, RunResult]) -> Release:
    """The shipped samples, published."""
    return require_release(demo[0].data, None)


@pytest.fixture(scope="module")
def exported(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What everybody may have."""
    return export(release, tmp_path_factory.mktemp("open") / "out").folder


@pytest.fixture(scope="module")
def with_people(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of people too."""
    return export(release, tmp_path_factory.mktemp("people") / "out", with_people=True).folder


@pytest.fixture(scope="module")
def suppressed(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small cells hidden."""
    return export(release, tmp_path_factory.mktemp("small") / "out", minimum_cell=10).folder


# -- what stands in it


def validated(folder: Path) -> frictionless.Report:
    """What frictionless says of an export in which nothing is left undescribed."""
    listed = {resource["path"] for resource in package(folder)["resources"]}
    assert listed == set(contents(folder)) - {"datapackage.json"}
    return frictionless.validate(str(folder / "datapackage.json"))


def test_frictionless_finds_every_file_as_it_is_described(exported: Path) -> None:
    report = validated(exported)
    assert report.valid, report.to_summary()


@pytest.mark.parametrize("selection", [{"with_people": True}, {"minimum_cell": 3}], ids=["people", "small cells"])
def test_frictionless_finds_other_choices_as_they_are_described(
    selection: dict[str, Any], vault: TinyVault, data: Path, tmp_path: Path
) -> None:
    for number, sex in enumerate("FFMMMM"):
        vault.attend(f"t{number}", sex=sex, hours=1.5)
    report = validated(export(published(vault, data), tmp_path / "out", **selection).folder)
    assert report.valid, report.to_summary()


def test_frictionless_finds_what_was_changed_afterwards(exported: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(exported, tmp_path / "copy")
    path = copy / "csv" / "report_reach.csv"
    path.write_bytes(path.read_bytes().replace(b"ALL", b"ALK"))
    assert not frictionless.validate(str(copy / "datapackage.json")).valid


def read_csv(path: Path, table: Table) -> str:
    """SQL that reads a CSV with the types of the table."""
    types = ", ".join(f"'{column.name}': '{column.type}'" for column in table.columns)
    form = "header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"', nullstr = ''"
    return f"SELECT * FROM read_csv('{path}', columns = {{{types}}}, {form})"


@pytest.mark.parametrize("table", PUBLISHED_TABLES, ids=lambda table: table.name)
def test_csv_and_parquet_hold_the_table(table: Table, release: Release, with_people: Path) -> None:
    with duckdb.connect(config={"threads": 2}) as con:
        con.execute(f"ATTACH '{release.path}' AS release (READ_ONLY)")
        # CSV has one way of saying that there is nothing
        blank = ", ".join(
            f"nullif({column.name}, '') AS {column.name}" if column.type == "VARCHAR" else column.name
            for column in table.columns
        )
        pairs = [
            (f"SELECT * FROM release.{table.name}", f"FROM '{with_people}/parquet/{table.name}.parquet'"),
            (f"SELECT {blank} FROM release.{table.name}", read_csv(with_people / f"csv/{table.name}.csv", table)),
        ]
        for theirs, ours in pairs:
            assert con.execute(f"(({theirs}) EXCEPT ALL ({ours}))").fetchall() == []
            assert con.execute(f"(({ours}) EXCEPT ALL ({theirs}))").fetchall() == []


@pytest.mark.parametrize("table", OPEN, ids=lambda table: table.name)
def test_csv_is_written_as_rfc_4180_has_it(table: Table, exported: Path) -> None:
    content = (exported / "csv" / f"{table.name}.csv").read_bytes()
    text = content.decode("utf-8")
    assert content.count(b"\n") == content.count(b"\r\n")
    assert text.endswith("\r\n")
    lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert lines[0] == list(table.column_names)
    assert {len(line) for line in lines} == {len(table.columns)}


def test_parquet_says_what_its_columns_mean(exported: Path) -> None:
    schema = pq.read_schema(exported / "parquet" / "report_reach.parquet")
    assert schema.field("women").metadata[b"description"].decode() == COLUMNS["women"].description


def test_the_same_release_gives_the_same_bytes(release: Release, exported: Path, tmp_path: Path) -> None:
    assert contents(export(release, tmp_path / "again").folder) == contents(exported)


def test_the_package_says_what_it_is(release: Release, exported: Path) -> None:
    found = package(exported)
    assert found["version"] == str(release.number)
    assert dt.datetime.fromisoformat(found["created"]).replace(tzinfo=None) == dt.datetime.fromisoformat(
        release.manifest["built_at"]
    ).replace(microsecond=0)
    assert found["input_hash"] == release.manifest["input_hash"]
    assert found["licenses"]
    assert found["sources"]


@pytest.mark.parametrize("table", OPEN, ids=lambda table: table.name)
def test_the_package_describes_every_column_as_the_project_does(table: Table, exported: Path) -> None:
    (resource,) = [item for item in package(exported)["resources"] if item["name"] == table.name]
    fields = resource["schema"]["fields"]
    assert [field["name"] for field in fields] == list(table.column_names)
    for field, column in zip(fields, table.columns, strict=True):
        assert field["description"] == column.description
        assert field.get("unit") == column.unit
        assert tuple(field.get("constraints", {}).get("enum", ())) == column.choices
    assert tuple(resource["schema"].get("primaryKey", ())) == table.key


def test_some_tables_alone_are_a_package_of_their_own(release: Release, tmp_path: Path) -> None:
    folder = export(release, tmp_path / "out", tables=("report_data_quality", "core_partner")).folder
    assert sorted(path.name for path in (folder / "csv").iterdir()) == ["core_partner.csv", "report_data_quality.csv"]
    assert frictionless.validate(str(folder / "datapackage.json")).valid
    keys = {item["name"]: item["schema"].get("foreignKeys", []) for item in package(folder)["resources"][:2]}
    assert [key["reference"]["resource"] for key in keys["report_data_quality"]] == ["core_partner"]


# -- people


def test_a_table_with_a_column_of_a_person_is_a_table_of_people() -> None:
    assert [table.name for table in OPEN if "trainee_id" in table.column_names] == []
    assert {table.name for table in PEOPLE} >= {"core_trainee", "core_attendance"}


def test_tables_of_people_are_exported_only_when_asked_for(exported: Path, with_people: Path) -> None:
    for table in PEOPLE:
        assert not [path for path in contents(exported) if table.name in path]
        assert (with_people / "csv" / f"{table.name}.csv").exists()
    assert "PEOPLE" in (with_people / "README.md").read_text(encoding="utf-8")
    assert "No table has a line for each person" in (exported / "README.md").read_text(encoding="utf-8")


def test_an_export_with_people_is_for_its_owner_alone(with_people: Path, exported: Path) -> None:
    assert {path.stat().st_mode & 0o077 for path in [with_people, *with_people.rglob("*")]} == {0}
    assert {path.stat().st_mode & 0o044 for path in [exported, *exported.rglob("*")]} == {0o044}


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        ({"tables": ("core_trainee",)}, "with --with-people"),
        ({"tables": ("core_people",)}, "core_people: no such table"),
        ({"without": ("core_people",)}, "core_people: no such table"),
        ({"with_people": True, "minimum_cell": 5}, "choose one"),
        ({"minimum_cell": 1}, "hides nothing"),
        ({"tables": ("release",), "without": ("release",)}, "no table is left"),
    ],
)
def test_what_cannot_be_chosen_is_refused_with_a_reason(selection: dict[str, Any], said: str) -> None:
    with pytest.raises(ExportError, match=said):
        choose_tables(Selection(**selection))


@pytest.mark.parametrize("which", ["exported", "with_people"])
def test_no_column_that_names_a_person_is_exported(which: str, request: pytest.FixtureRequest) -> None:
    for resource in package(request.getfixturevalue(which))["resources"]:
        names = [field["name"] for field in resource.get("schema", {}).get("fields", ())]
        assert [name for name in names if COLUMNS[name].personal] == []


def test_nothing_of_what_names_a_person_stands_in_any_file(vault: TinyVault, data: Path, tmp_path: Path) -> None:
    canary = "CANARYxq"
    nullable = {name for name, *_ in vault.con.execute("DESCRIBE record").fetchall()}
    planted = {
        name: f"{canary} {name}"
        for name, column in COLUMNS.items()
        if column.personal and column.type == "VARCHAR" and name in nullable and name != "record_id"
    }
    assert len(planted) > 5
    vault.attend("t1", record_id=f"{canary} record_id", **planted)
    folder = export(published(vault, data), tmp_path / "out", with_people=True).folder
    for path, content in contents(folder).items():
        shown = str(pq.read_table(folder / path).to_pylist()) if path.endswith("parquet") else content.decode("utf-8")
        assert canary not in shown, path


# -- spreadsheets


def test_no_cell_is_a_formula(exported: Path) -> None:
    for path in (exported / "csv").iterdir():
        with path.open(encoding="utf-8", newline="") as file:
            assert [cell for line in csv.reader(file) for cell in line if neutralise(cell) != cell] == []


def test_a_text_that_a_spreadsheet_would_run_is_shown_in_csv_and_kept_in_parquet(
    vault: TinyVault, data: Path, tmp_path: Path
) -> None:
    nasty = '=HYPERLINK("x","y")'
    vault.attend("t1", district=nasty)
    folder = export(published(vault, data), tmp_path / "out", with_people=True).folder
    with (folder / "csv" / "core_trainee.csv").open(encoding="utf-8", newline="") as file:
        (line,) = csv.DictReader(file)
    assert line["district"] == f"'{nasty}"
    assert pq.read_table(folder / "parquet" / "core_trainee.parquet")["district"].to_pylist() == [nasty]


# -- where figures come from


def says_synthetic(folder: Path) -> list[str]:
    found = contents(folder)
    return [name for name in ("README.md", "datapackage.json", "iati-activities.xml") if b"SYNTHETIC" in found[name]]


def test_an_export_of_samples_says_so_wherever_it_is_read(exported: Path) -> None:
    assert says_synthetic(exported) == ["README.md", "datapackage.json", "iati-activities.xml"]
    assert package(exported)["is_synthetic"] is True
    assert "(synthetic)" in package(exported)["title"]


def test_an_export_of_real_deliveries_does_not(vault: TinyVault, data: Path, tmp_path: Path) -> None:
    vault.attend("t1")
    folder = export(published(vault, data), tmp_path / "out").folder
    assert says_synthetic(folder) == []
    assert package(folder)["is_synthetic"] is False


def test_an_export_of_both_says_how_many(vault: TinyVault, data: Path, tmp_path: Path) -> None:
    vault.attend("t1", "VN-A")
    vault.attend("t2", "TH-A")
    vault.con.execute("UPDATE delivery SET is_sample = country_code = 'TH'")
    folder = export(published(vault, data), tmp_path / "out").folder
    assert "PARTLY SYNTHETIC" in (folder / "README.md").read_text(encoding="utf-8")
    assert "core_delivery: 1 of 2" in package(folder)["description"]


# -- the folder


def test_a_later_export_takes_the_place_of_an_earlier_one(vault: TinyVault, data: Path, tmp_path: Path) -> None:
    vault.attend("t1")
    release, target = published(vault, data), tmp_path / "out"
    target.mkdir()
    export(release, target)
    export(release, target, tables=("release",))
    assert [path.name for path in (target / "csv").iterdir()] == ["release.csv"]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("out")] == ["out"]


def test_a_folder_that_holds_something_else_is_left_alone(vault: TinyVault, data: Path, tmp_path: Path) -> None:
    vault.attend("t1")
    release, target = published(vault, data), tmp_path / "out"
    target.mkdir()
    (target / "thesis.txt").write_text("mine")
    with pytest.raises(ExportError, match="thesis.txt"):
        export(release, target)
    (target / "thesis.txt").unlink()
    export(release, target)
    (target / "csv" / "notes.txt").write_text("mine")
    before = contents(target)
    with pytest.raises(ExportError, match="csv/notes.txt"):
        export(release, target)
    assert contents(target) == before


@pytest.mark.parametrize("descriptor", ['{"name": "another", "resources": []}', "[]", "{", '{"resources": [{}]}'])
def test_a_package_of_somebody_else_is_left_alone(
    descriptor: str, vault: TinyVault, data: Path, tmp_path: Path
) -> None:
    vault.attend("t1")
    target = tmp_path / "out"
    target.mkdir()
    (target / "datapackage.json").write_text(descriptor)
    with pytest.raises(ExportError, match="not empty"):
        export(published(vault, data), target)


def test_a_release_of_another_version_of_the_program_is_refused_and_nothing_is_written(
    vault: TinyVault, data: Path, tmp_path: Path
) -> None:
    vault.attend("t1")
    release = published(vault, data)
    older = tmp_path / "older.duckdb"
    shutil.copyfile(release.path, older)
    with duckdb.connect(str(older)) as con:
        con.execute("ALTER TABLE core_delivery DROP COLUMN is_sample")
    with pytest.raises(ExportError, match="core_delivery is missing or has other columns"):
        export(replace(release, path=older), tmp_path / "out")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("out")]


def test_an_earlier_release_can_be_exported(vault: TinyVault, data: Path, tmp_path: Path) -> None:
    vault.attend("t1")
    vault.publish(data)
    vault.attend("t2")
    vault.publish(data)
    numbers = {}
    for number in (None, 1):
        folder = export(require_release(data, number), tmp_path / f"out-{number}").folder
        reach = pq.read_table(folder / "parquet" / "report_reach.parquet").to_pylist()
        numbers[package(folder)["version"]] = reach[0]["trainees"]
    assert numbers == {"2": 2, "1": 1}
    with pytest.raises(PublishError, match="no release 7; kept: 1, 2"):
        require_release(data, 7)


# -- the command


def test_the_command_exports_the_published_release(demo: tuple[Settings, RunResult], exported: Path, tmp_path: Path):
    done = CliRunner().invoke(app, ["export", str(tmp_path / "out"), "--data", str(demo[0].data)])
    assert done.exit_code == 0, done.output
    assert f"{len(OPEN)} tables written" in done.output
    assert "SYNTHETIC" in done.output
    assert contents(tmp_path / "out") == contents(exported)


@pytest.mark.parametrize(
    ("options", "said"),
    [([], "no release is published yet"), (["--release", "3"], "no release 3; kept: none")],
)
def test_the_command_says_what_is_missing(options: list[str], said: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["export", str(tmp_path / "out"), "--data", str(tmp_path / "data"), *options])
    assert done.exit_code == 1
    assert said in done.output


# -- small cells: what the files show


def test_no_count_of_people_below_the_smallest_cell_is_shown(suppressed: Path) -> None:
    hidden = 0
    for table in OPEN:
        counts = [column.name for column in table.columns if column.unit == "people" and column.type == "BIGINT"]
        lines = pq.read_table(suppressed / "parquet" / f"{table.name}.parquet").to_pylist()
        for line in lines if counts else ():
            assert [name for name in counts if line[name] is not None and 0 < line[name] < 10] == []
            hidden += line["is_suppressed"]
    assert hidden > 100


def test_a_figure_that_is_hidden_is_hidden_in_every_table(suppressed: Path) -> None:
    def read(name: str) -> list[dict[str, Any]]:
        return pq.read_table(suppressed / "parquet" / f"{name}.parquet").to_pylist()

    cells = {
        (line["country_code"], line["quarter"], line["dimension"], line["dimension_value"]): line["people"]
        for line in read("report_reach_by")
        if line["indicator_code"] == "people_reached"
    }
    checked = 0
    for line in read("report_reach"):
        for column, category in {
            "trainees": ("all", "all"),
            "women": ("sex", "F"),
            "rural": ("is_rural", "yes"),
        }.items():
            if (key := (line["country_code"], "ALL", *category)) in cells:
                assert line[column] == cells[key], key
                checked += line[column] is None
    for line in read("report_course"):
        course = ("all", "all") if line["course_code"] == "ALL" else ("course_code", line["course_code"])
        assert line["trainees"] == cells[line["country_code"], line["quarter"], *course]
        if line["trainees"] is None:
            assert line["participations"] is line["hours_attended"] is None
            checked += 1
    for line in read("report_reach_by"):
        if line["people"] is None or line["denominator"] is None:
            assert line["share"] is None
    for line in read("identity_quality"):
        if cells[line["country_code"], "ALL", "all", "all"] is None:
            assert line["people_found"] is line["low"] is line["high"] is None
            checked += 1
    assert checked > 10


def test_without_a_smallest_cell_nothing_is_hidden_and_the_package_says_so(exported: Path) -> None:
    assert package(exported)["minimum_cell"] is None
    assert "Small cells are not hidden" in package(exported)["description"]
    assert "Small cells are not hidden" in (exported / "README.md").read_text(encoding="utf-8")
    names = {
        field["name"] for item in package(exported)["resources"] for field in item.get("schema", {}).get("fields", ())
    }
    assert "is_suppressed" not in names
