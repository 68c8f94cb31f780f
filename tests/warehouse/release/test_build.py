"""The SQL models: rows of a vault in, tables of a release out, the same whatever order they came in."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.columns import COLUMNS, TRAINING_LOG_COLUMNS
from schemas.programme import load_programme
from schemas.published import PUBLISHED_TABLES
from tests.warehouse.tiny_vault import TinyVault, read_table, release_info
from warehouse.release.build import SQL_FOLDER, BuildError, build_release, content_hash, model_order

DAY = dt.date
EMPTY_LINE = {
    "trainees": 0,
    "women": 0,
    "youth": 0,
    "msme_owners": 0,
    "job_seekers": 0,
    "with_disability": 0,
    "indigenous": 0,
    "rural": 0,
}


def only_trainee(vault: TinyVault, tmp_path: Path) -> dict[str, Any]:
    (row,) = vault.table("core_trainee", tmp_path / "release.duckdb")
    return row


# -- core_trainee


def test_attributes_are_those_of_the_first_training_and_gaps_are_filled_by_the_earliest_later_record(
    vault: TinyVault, tmp_path: Path
) -> None:
    vault.attend("t1", training_date=DAY(2020, 11, 1), sex="M", province="Third", is_rural=False, district="Late")
    vault.attend("t1", training_date=DAY(2020, 9, 1), sex="F", province="", is_rural=None)
    vault.attend("t1", training_date=DAY(2020, 10, 1), sex="M", province="Second", is_rural=True)
    row = only_trainee(vault, tmp_path)
    assert (row["sex"], row["province"], row["is_rural"], row["district"]) == ("F", "Second", True, "Late")
    assert (row["first_training_date"], row["last_training_date"]) == (DAY(2020, 9, 1), DAY(2020, 11, 1))
    assert row["trainings"] == 3
    assert row["has_disability"] is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"partner_id": "VN-A", "date_received": DAY(2020, 12, 9)}, {"partner_id": "VN-B"}),
        (
            {"date_received": DAY(2020, 10, 1), "record_id": "z"},
            {"date_received": DAY(2020, 10, 2), "record_id": "a"},
        ),
        ({"record_id": "a"}, {"record_id": "b"}),
    ],
    ids=["partner", "then the day received", "then the record"],
)
def test_two_trainings_on_one_day_are_told_apart(
    vault: TinyVault, tmp_path: Path, first: dict[str, Any], second: dict[str, Any]
) -> None:
    vault.attend("t1", **second, province="second")
    vault.attend("t1", **first, province="first")
    assert only_trainee(vault, tmp_path)["province"] == "first"


def test_a_person_of_two_countries_belongs_to_that_of_the_first_training(vault: TinyVault, tmp_path: Path) -> None:
    vault.attend("t1", "VN-A", training_date=DAY(2021, 1, 1))
    vault.attend("t1", "TH-A", training_date=DAY(2020, 12, 31))
    assert only_trainee(vault, tmp_path)["country_code"] == "TH"


def test_superseded_records_count_for_nothing(vault: TinyVault, tmp_path: Path) -> None:
    vault.attend("t1", training_date=DAY(2020, 8, 1), sex="M", disposition="superseded")
    vault.attend("t1", training_date=DAY(2020, 9, 1), sex="F")
    vault.attend("t2", disposition="repeated")
    row = only_trainee(vault, tmp_path)
    assert (row["trainee_id"], row["sex"], row["trainings"]) == ("t1", "F", 1)


def born(day: dt.date) -> dict[str, Any]:
    return {"birth_date": day, "birth_earliest": day, "birth_latest": day}


def aged(low: int, high: int, on: dt.date) -> dict[str, Any]:
    """An age or band as the reader stores it: with the days on which the person can have been born."""
    return {
        "age_low": low,
        "age_high": high,
        "birth_earliest": on.replace(year=on.year - high - 1) + dt.timedelta(days=1),
        "birth_latest": on.replace(year=on.year - low),
        "training_date": on,
    }


YEAR_1990 = {"birth_earliest": DAY(1990, 1, 1), "birth_latest": DAY(1990, 12, 31)}
ON = DAY(2020, 9, 1)


@pytest.mark.parametrize(
    ("records", "birth_year", "age", "is_youth"),
    [
        ([born(DAY(2002, 9, 1))], 2002, 18, True),
        ([born(DAY(2002, 9, 2))], 2002, 17, False),
        ([born(DAY(1984, 9, 2))], 1984, 35, True),
        ([born(DAY(1984, 9, 1))], 1984, 36, False),
        ([born(DAY(2000, 2, 29)) | {"training_date": DAY(2021, 2, 28)}], 2000, 20, True),
        ([aged(35, 35, ON)], None, 35, True),
        ([aged(36, 36, ON)], None, 36, False),
        ([aged(18, 24, ON)], None, None, True),
        ([aged(36, 45, ON)], None, None, False),
        ([aged(30, 39, ON)], None, None, None),
        ([aged(15, 17, ON)], None, None, False),
        ([YEAR_1990], 1990, None, True),
        ([YEAR_1990 | {"training_date": DAY(2021, 12, 31)}], 1990, 31, True),
        ([{"birth_earliest": DAY(1984, 1, 1), "birth_latest": DAY(1984, 12, 31)}], 1984, None, None),
        ([{}], None, None, None),
        # what a later record says is taken back to the first training
        ([{}, born(DAY(1984, 10, 1)) | {"training_date": DAY(2021, 11, 1)}], 1984, 35, True),
        ([{}, aged(36, 36, DAY(2021, 9, 1))], None, 35, True),
        ([{}, aged(36, 36, DAY(2021, 8, 31))], None, 36, False),
        ([{}, aged(20, 24, DAY(2021, 8, 31))], None, None, True),
        # a birth date goes before an age stated earlier
        ([aged(36, 36, ON), born(DAY(1985, 1, 1)) | {"training_date": DAY(2020, 10, 1)}], 1985, 35, True),
        ([aged(30, 39, ON), aged(33, 33, DAY(2020, 10, 1))], None, 33, True),
    ],
)
def test_age_and_youth_are_known_as_far_as_the_records_tell(
    vault: TinyVault,
    tmp_path: Path,
    records: list[dict[str, Any]],
    birth_year: int | None,
    age: int | None,
    is_youth: bool | None,
) -> None:
    for record in records:
        vault.attend("t1", **record)
    row = only_trainee(vault, tmp_path)
    assert (row["birth_year"], row["age_at_first_training"], row["is_youth"]) == (birth_year, age, is_youth)


# -- the other tables


def test_every_accepted_record_is_one_attendance(vault: TinyVault, tmp_path: Path) -> None:
    vault.attend("t2", hours=2.5, course_code="SM201")
    vault.attend("t1", "TH-A")
    vault.attend("t1", "TH-A", disposition="superseded")
    rows = vault.table("core_attendance", tmp_path / "release.duckdb")
    assert [tuple(row.values()) for row in rows] == [
        ("t1", "TH-A", "TH", "DL101", DAY(2020, 9, 1), None),
        ("t2", "VN-A", "VN", "SM201", DAY(2020, 9, 1), 2.5),
    ]


def test_reach_counts_a_person_in_every_country_attended_and_once_in_all(vault: TinyVault, tmp_path: Path) -> None:
    both = {"sex": "F", "trainee_type": "msme_owner", "is_rural": True, "is_indigenous": False}
    vault.attend("t1", "TH-A", training_date=DAY(2020, 9, 1), **both, **born(DAY(1990, 1, 1)))
    vault.attend("t1", "VN-A", training_date=DAY(2020, 9, 2), sex="M")
    vault.attend("t1", "VN-B", training_date=DAY(2020, 9, 3))
    vault.attend("t2", "VN-A", sex="M", trainee_type="job_seeker", has_disability=True, is_indigenous=True)
    vault.partner("BN-A")
    rows = {row.pop("country_code"): row for row in vault.table("report_reach", tmp_path / "release.duckdb")}
    one_woman = EMPTY_LINE | {"trainees": 1, "women": 1, "youth": 1, "msme_owners": 1, "rural": 1}
    with_man = one_woman | {"trainees": 2, "job_seekers": 1, "with_disability": 1, "indigenous": 1}
    assert rows == {"ALL": with_man, "BN": EMPTY_LINE, "TH": one_woman, "VN": with_man}


def test_partners_courses_deliveries_and_the_release_are_listed(vault: TinyVault, tmp_path: Path) -> None:
    vault.attend("t1")
    vault.attend("t2", disposition="superseded")
    vault.partner("TH-A")
    release = tmp_path / "release.duckdb"
    vault.build(release, 7)
    assert [row["partner_id"] for row in read_table(release, "core_partner")] == ["TH-A", "VN-A"]
    assert {row["course_code"] for row in read_table(release, "core_course")} == set(load_programme().courses)
    (delivery,) = read_table(release, "core_delivery")
    assert (delivery["rows_in"], delivery["rows_accepted"], delivery["rows_superseded"]) == (2, 1, 1)
    assert read_table(release, "release") == [
        {
            "release_number": 7,
            "built_at": dt.datetime(2022, 1, 1, 7),
            "input_hash": "input 7",
            "model_version": "1",
            "code_version": "0.1.0",
        }
    ]


def test_an_empty_vault_gives_an_empty_release(vault: TinyVault, tmp_path: Path) -> None:
    assert vault.table("report_reach", tmp_path / "release.duckdb") == [{"country_code": "ALL"} | EMPTY_LINE]


@pytest.mark.parametrize("table", PUBLISHED_TABLES, ids=lambda table: table.name)
def test_a_table_comes_out_as_described_sorted_by_its_key_with_comments(
    vault: TinyVault, tmp_path: Path, table: Any
) -> None:
    for trainee, partner in (("t3", "VN-B"), ("t1", "TH-A"), ("t2", "BN-A")):
        vault.attend(trainee, partner)
    release = tmp_path / "release.duckdb"
    vault.build(release)
    with duckdb.connect(str(release), read_only=True) as con:
        columns = con.execute(
            "SELECT column_name, data_type, comment FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index",
            [table.name],
        ).fetchall()
        comment = con.execute("SELECT comment FROM duckdb_tables() WHERE table_name = ?", [table.name]).fetchone()
        declared = con.execute(
            "SELECT constraint_column_names FROM duckdb_constraints() "
            "WHERE table_name = ? AND constraint_type = 'PRIMARY KEY'",
            [table.name],
        ).fetchall()
        keys = con.execute(f"SELECT {', '.join(table.key) or 'trainee_id'} FROM {table.name}").fetchall()  # noqa: S608
    assert [(name, kind) for name, kind, _ in columns] == [(column.name, column.type) for column in table.columns]
    for (_, _, said), column in zip(columns, table.columns, strict=True):
        assert said.startswith(column.description)
        assert column.unit is None or column.unit in said
    assert comment is not None
    assert comment[0].startswith(table.description)
    assert keys == sorted(keys)
    assert [tuple(names) for (names,) in declared] == ([table.key] if table.key else [])
    assert not any(column.personal for column in table.columns)


def test_indicators_are_part_of_the_release(vault: TinyVault, tmp_path: Path) -> None:
    vault.attend("t1", sex="F")
    release = tmp_path / "release.duckdb"
    vault.build(release)
    with duckdb.connect(str(release), read_only=True) as con:
        answer = con.execute(
            "SELECT women(trainee_id, sex) FROM core_attendance JOIN core_trainee USING (trainee_id)"
        ).fetchone()
    assert answer == (1,)


def test_nothing_personal_reaches_a_release(vault: TinyVault, tmp_path: Path) -> None:
    canary = "CANARYxq"
    planted = {
        name: f"{canary} {name}"
        for name in TRAINING_LOG_COLUMNS
        if COLUMNS[name].personal and COLUMNS[name].type == "VARCHAR"
    }
    assert len(planted) > 8
    vault.attend("t1", **planted, birth_date=DAY(1987, 6, 5))
    release = tmp_path / "release.duckdb"
    vault.build(release)
    assert canary.encode() not in release.read_bytes()
    for table in PUBLISHED_TABLES:
        for row in read_table(release, table.name):
            assert canary not in str(row)
            assert DAY(1987, 6, 5) not in row.values()


# -- sameness

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "trainee_id": st.sampled_from(["t1", "t2", "t3"]),
            "partner_id": st.sampled_from(["VN-A", "VN-B", "TH-A"]),
            "training_date": st.dates(DAY(2020, 9, 1), DAY(2020, 9, 4)),
            "disposition": st.sampled_from(["accepted", "accepted", "superseded"]),
            "sex": st.sampled_from([None, "", "F", "M"]),
            "province": st.sampled_from([None, "", "North", "South"]),
            "is_rural": st.sampled_from([None, True, False]),
        }
    ),
    max_size=12,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, data=st.data())
def test_the_order_in_which_rows_came_changes_nothing_and_people_count_once(
    make_vault: Callable[[], TinyVault], tmp_path: Path, rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    numbered = [row | {"record_id": f"r{place:02d}"} for place, row in enumerate(rows)]
    summaries = []
    for order in (numbered, data.draw(st.permutations(numbered))):
        vault = make_vault()
        for partner in ("VN-A", "VN-B", "TH-A"):
            vault.partner(partner)
        for row in order:
            vault.attend(**row)
        release = tmp_path / "release.duckdb"
        release.unlink(missing_ok=True)
        summaries.append(vault.build(release, 1 + len(summaries)))
        people = {row["trainee_id"]: row for row in read_table(release, "core_trainee")}
        lines = {row["country_code"]: row for row in read_table(release, "report_reach")}
        vault.con.close()
    # tables are the same although the number and the time of building differ
    assert {**summaries[0], "release": None} == {**summaries[1], "release": None}
    accepted = [row for row in numbered if row["disposition"] == "accepted"]
    accepted.sort(key=lambda row: (row["training_date"], row["partner_id"], row["record_id"]))
    assert lines["ALL"]["trainees"] == len({row["trainee_id"] for row in accepted}) == len(people)
    for country in ("VN", "TH"):
        there = {row["trainee_id"] for row in accepted if row["partner_id"].startswith(country)}
        assert lines[country]["trainees"] == len(there)
    for trainee, person in people.items():
        own = [row for row in accepted if row["trainee_id"] == trainee]
        for name, empty in (("sex", (None, "")), ("province", (None, "")), ("is_rural", (None,))):
            assert person[name] == next((row[name] for row in own if row[name] not in empty), None)


def hash_of(rows: str, threads: int = 1) -> str:
    with duckdb.connect(config={"threads": threads}) as con:
        con.execute(f"CREATE TABLE core_course AS SELECT * FROM ({rows}) AS t(course_code, course_title)")  # noqa: S608
        return content_hash(con, "core_course")


@pytest.mark.parametrize(
    "other",
    [
        "VALUES ('b', NULL), ('ab', 'c'), ('ab', 'c')",
        "VALUES ('b', NULL), ('a', 'bc')",
        "VALUES ('b', ''), ('ab', 'c')",
        "VALUES ('b', '-'), ('ab', 'c')",
        "VALUES ('b', NULL)",
        "VALUES (NULL, 'b'), ('ab', 'c')",
        "VALUES ('b', NULL), ('ab', 'C')",
    ],
)
def test_the_content_hash_tells_tables_apart(other: str) -> None:
    assert hash_of(other) != hash_of("VALUES ('b', NULL), ('ab', 'c')")
    assert hash_of("VALUES (1, 2)") != hash_of("VALUES ('1', '2')")


def test_the_content_hash_depends_on_neither_order_nor_threads() -> None:
    rows = "SELECT (range * 7919) % 300000, 'title ' || range % 7 FROM range(300000)"
    assert hash_of(rows, threads=1) == hash_of(rows + " ORDER BY hash(range)", threads=4)


def test_the_content_hash_leaves_out_when_and_by_what_a_release_was_built(vault: TinyVault, tmp_path: Path) -> None:
    one, two = release_info(1), release_info(2)
    summaries = [
        build_release(vault.con, tmp_path / f"{info.number}", info)["release"].content_hash for info in (one, two)
    ]
    assert summaries[0] != summaries[1]
    same_inputs = type(two)(2, two.built_at, one.input_hash, one.model_version, "0.2.0")
    assert build_release(vault.con, tmp_path / "3", same_inputs)["release"].content_hash == summaries[0]


# -- the build itself


def test_the_vault_connection_stays_as_it_was_and_the_release_is_closed(vault: TinyVault, tmp_path: Path) -> None:
    vault.attend("t1")
    vault.con.execute("BEGIN")
    release = tmp_path / "release.duckdb"
    vault.build(release)
    vault.con.execute("COMMIT")
    assert vault.con.execute("SELECT current_database()").fetchone() == ("vault",)
    assert vault.con.execute("SELECT getvariable('youth_from')").fetchone() == (None,)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["release.duckdb"]
    assert release.stat().st_mode & 0o777 == 0o600


def test_what_is_there_already_is_not_overwritten(vault: TinyVault, tmp_path: Path) -> None:
    release = tmp_path / "release.duckdb"
    release.write_bytes(b"something")
    with pytest.raises(FileExistsError):
        vault.build(release)
    assert release.read_bytes() == b"something"


def models(folder: Path, **selects: str) -> Path:
    folder.mkdir()
    for name, select in selects.items():
        (folder / f"{name}.sql").write_text(f"-- {name}\n{select};\n")
    return folder


def test_models_come_after_what_they_read() -> None:
    order = model_order()
    assert set(order) == {table.name for table in PUBLISHED_TABLES}
    assert order.index("report_reach") > max(order.index("core_trainee"), order.index("core_partner"))


def test_the_order_follows_from_the_sql(tmp_path: Path) -> None:
    folder = models(
        tmp_path / "sql",
        a="WITH step AS (SELECT x FROM b) SELECT x FROM step WHERE x IN (SELECT x FROM c)",
        b="SELECT x FROM d JOIN vault.record USING (x)",
        c="SELECT unnest([1]) AS x",
        d="SELECT x FROM c",
        checks="SELECT x FROM nothing",
        indicators="CREATE MACRO one() AS 1",
    )
    assert model_order(folder) == ["c", "d", "b", "a"]


@pytest.mark.parametrize(
    ("selects", "words"),
    [
        (
            {"a": "SELECT x FROM b", "b": "SELECT x FROM c", "c": "SELECT x FROM a"},
            "circle: .*a.*b|circle: .*b.*a",
        ),
        ({"a": "SELECT x FROM a"}, "circle: a -> a"),
        ({"a": "SELECT x FROM recrod"}, r"a\.sql reads recrod"),
        ({"a": "SELECT x FROM other.record"}, r"a\.sql reads other\.record"),
        ({"a": "SELECT x FROM"}, r"a\.sql: not understood"),
        ({"a": "SELECT 1; SELECT 2"}, r"a\.sql: a model is one SELECT"),
        ({"a": "DROP TABLE b"}, r"a\.sql: a model is one SELECT"),
    ],
)
def test_a_model_that_cannot_be_ordered_is_named(tmp_path: Path, selects: dict[str, str], words: str) -> None:
    with pytest.raises(BuildError, match=words):
        model_order(models(tmp_path / "sql", **selects))


@pytest.mark.parametrize(
    ("select", "words"),
    [
        ("SELECT course_code FROM vault.course", r"core_course\.sql .*missing: course_title VARCHAR"),
        ("SELECT course_title, course_code FROM vault.course", "the order differs"),
        ("SELECT course_code, 1 AS course_title FROM vault.course", "course_title INTEGER"),
        (
            "SELECT course_code, tittle AS course_title FROM vault.course",
            r"core_course\.sql failed: .*tittle",
        ),
        (
            "SELECT course_code, course_title::INTEGER::VARCHAR AS course_title FROM vault.course",
            "failed",
        ),
        ("SELECT 'AB1' AS course_code, course_title FROM vault.course", r"core_course: .*same key \(course_code\)"),
    ],
)
def test_a_model_that_does_not_give_its_table_leaves_nothing(
    vault: TinyVault, tmp_path: Path, select: str, words: str
) -> None:
    texts = {path.stem: path.read_text() for path in SQL_FOLDER.glob("*.sql")} | {"core_course": select}
    release = tmp_path / "release.duckdb"
    with pytest.raises(BuildError, match=words) as failure:
        build_release(vault.con, release, release_info(1), folder=models(tmp_path / "sql", **texts))
    # what stands in a cell is told to nobody
    assert "literacy" not in str(failure.value)
    assert not release.exists()
    vault.build(release)
