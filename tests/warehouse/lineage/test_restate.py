"""Every change of a figure finds its cause, and the causes add up to it, for every indicator and country."""

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.programme import load_programme
from tests.warehouse.tiny_vault import TinyVault, read_table
from warehouse.lineage.restate import Causes, explain, find_causes
from warehouse.release.build import rules_of
from warehouse.release.history_tables import CAUSES
from warehouse.release.reach_figures import INDICATORS, Figures
from warehouse.release.snapshots import candidate_snapshot, keep_snapshot, snapshot_path, take_snapshot

DAY = dt.date
RULES = load_programme()
BORN_2000 = {"birth_date": DAY(2000, 1, 1), "birth_earliest": DAY(2000, 1, 1), "birth_latest": DAY(2000, 1, 1)}


def counted(vault: TinyVault, bounds: tuple[int, int] = (RULES.youth.from_age, RULES.youth.to_age)) -> Figures:
    """The figures, counted in Python from the vault's rows: an account of its own of what reports say."""
    found = vault.con.execute(
        """
        SELECT trainee_id, record.country_code, sex, birth_date, trainee_type, has_disability, is_indigenous, is_rural,
               training_date
        FROM record JOIN register USING (record_id) LEFT JOIN delivery USING (delivery_id)
        WHERE disposition = 'accepted' ORDER BY training_date, record.partner_id, date_received, record_id
        """
    ).fetchall()
    people: dict[str, list[tuple[Any, ...]]] = {}
    for row in found:
        people.setdefault(row[0], []).append(row)
    figures: Figures = {}
    for rows in people.values():
        said = [next((row[at] for row in rows if row[at] not in (None, "")), None) for at in range(9)]
        holds = {
            "people_reached": True,
            "women": said[2] == "F",
            "youth": said[3] is not None and bounds[0] <= whole_years(said[3], rows[0][8]) <= bounds[1],
            "msme_owners": said[4] == "msme_owner",
            "job_seekers": said[4] == "job_seeker",
            "with_disability": said[5] is True,
            "indigenous": said[6] is True,
            "rural": said[7] is True,
        }
        for place in {"ALL", *(row[1] for row in rows)}:
            for indicator, is_so in holds.items():
                figures[place, indicator] = figures.get((place, indicator), 0) + is_so
            attended = sum(place in ("ALL", row[1]) for row in rows)
            figures[place, "participations"] = figures.get((place, "participations"), 0) + attended
    return figures


def whole_years(born: dt.date, on: dt.date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


class Story:
    """A vault, its releases' snapshots, and what is said of the last step; the sum is checked every time."""

    def __init__(self, vault: TinyVault, data: Path):
        self.vault, self.data, self.number = vault, data, 0
        self.figures: list[Figures] = []

    def release(self, **rules: str | int) -> None:
        """Keep the vault as the next release, under some other rules."""
        self.number += 1
        candidate = candidate_snapshot(self.data, self.number)
        said = rules_of(RULES) | rules
        take_snapshot(self.vault.con, candidate, self.number, RULES, said)
        keep_snapshot(self.data, self.number, candidate)
        self.figures.append(counted(self.vault, (int(said["youth_from"]), int(said["youth_to"]))))

    def causes(self, before: int | None = None) -> Causes:
        """What is said of the last release; without `before` set against the one before it."""
        first = before or self.number - 1
        found = find_causes(self.vault.con, snapshot_path(self.data, first), snapshot_path(self.data, self.number))
        assert found is not None
        was, now = self.figures[first - 1], self.figures[self.number - 1]
        for line in {*was, *now, *found}:
            assert sum(found.get(line, {}).values()) == now.get(line, 0) - was.get(line, 0), line
        return found

    def sql(self, statement: str, *values: object) -> None:
        """Change the vault by hand."""
        self.vault.con.execute(statement, list(values))

    def event(self, cause: str, kind: str, moved: Mapping[str, str], trainee: str) -> None:
        """An event of the register as it writes one; `moved`: record -> trainee before."""
        row = self.vault.con.execute("SELECT count(*) + 1 FROM identity_event").fetchone()
        assert row is not None
        self.vault.insert(
            "identity_event",
            event_id=f"e{row[0]}",
            release_number=self.number + 1,
            event=kind,
            trainee_id=trainee,
            other_trainee_id=next(iter(moved.values())),
            records=len(moved),
            cause=cause,
        )
        for record, before in moved.items():
            self.vault.insert(
                "identity_event_record",
                event_id=f"e{row[0]}",
                record_id=record,
                side="moved",
                trainee_before=before,
            )
            self.sql("UPDATE register SET trainee_id = ? WHERE record_id = ?", trainee, record)


@pytest.fixture
def story(vault: TinyVault, data: Path) -> Story:
    data.mkdir()
    return Story(vault, data)


def of(found: Causes, indicator: str = "people_reached", country: str = "ALL") -> dict[str, int]:
    return found.get((country, indicator), {})


# -- each cause alone


def test_nothing_happened(story: Story) -> None:
    story.vault.attend("t1")
    story.release()
    story.release()
    assert story.causes() == {}


def test_a_new_delivery(story: Story) -> None:
    story.vault.attend("t1", sex="F")
    story.release()
    story.vault.attend("t2", sex="F", date_received=DAY(2020, 11, 1))
    story.vault.attend("t1", date_received=DAY(2020, 11, 1))
    story.release()
    found = story.causes()
    assert of(found) == of(found, country="VN") == of(found, "women") == {"new_delivery": 1}
    assert of(found, "participations") == {"new_delivery": 2}


def test_an_earlier_first_training_makes_young_by_the_delivery_that_told_of_it(story: Story) -> None:
    born = DAY(1985, 6, 1)
    days = {"birth_date": born, "birth_earliest": born, "birth_latest": born}
    story.vault.attend("t1", **days, training_date=DAY(2021, 7, 1))
    story.release()
    story.vault.attend("t1", **days, training_date=DAY(2020, 9, 1), date_received=DAY(2021, 8, 1))
    story.release()
    found = story.causes()
    assert of(found) == {}
    assert of(found, "youth") == of(found, "youth", "VN") == {"new_delivery": 1}


def correct(story: Story) -> str:
    """September is sent again: one person less, another woman, and one forgotten, whose record comes back."""
    story.vault.attend("t1", sex="F", delivery_id="first")
    gone = story.vault.attend("t2", sex="F", delivery_id="first")
    changed = story.vault.attend("t3", sex="M", delivery_id="first")
    story.sql("UPDATE delivery SET period = '2020-09'")
    story.release()
    story.sql("UPDATE record SET disposition = 'superseded'")
    story.sql("UPDATE delivery SET outcome = 'superseded', rows_accepted = 0, rows_superseded = 3")
    story.sql("DELETE FROM register WHERE record_id IN (?, ?)", gone, changed)
    story.sql("DELETE FROM record WHERE record_id = ?", changed)
    story.sql("UPDATE record SET disposition = 'accepted', delivery_id = 'second' WHERE record_id = 'r0001'")
    story.vault.attend("t3", sex="F", delivery_id="second", record_id=changed, date_received=DAY(2020, 12, 1))
    forgotten = story.vault.attend("t4", delivery_id="second", date_received=DAY(2020, 12, 1))
    story.sql("UPDATE delivery SET period = '2020-09'")
    story.release()
    return forgotten


def test_a_corrected_month(story: Story) -> None:
    correct(story)
    found = story.causes()
    # one went and one came
    assert of(found) == {}
    assert of(found, "women") == {}
    assert {cause for parts in found.values() for cause in parts} <= {"corrected_delivery"}


def test_a_corrected_month_that_lost_somebody(story: Story) -> None:
    story.sql("DELETE FROM record WHERE record_id = ?", correct(story))
    story.release()
    assert of(story.causes(before=1)) == {"corrected_delivery": -1}


def test_a_withdrawn_delivery(story: Story) -> None:
    story.vault.attend("t1", date_received=DAY(2020, 10, 1))
    story.vault.attend("t2", date_received=DAY(2020, 11, 1))
    story.release()
    story.sql("DELETE FROM record WHERE delivery_id = 'VN-A-2020-11-01'")
    story.sql("DELETE FROM delivery WHERE delivery_id = 'VN-A-2020-11-01'")
    story.release()
    assert of(story.causes()) == {"corrected_delivery": -1}


def read_again(story: Story, statement: str) -> None:
    story.vault.attend("t1", sex="F")
    story.vault.attend("t9", "TH-A")
    story.release()
    story.sql("UPDATE delivery SET reading_hash = 'other' WHERE partner_id = 'VN-A'")
    story.sql(statement)
    # the same delivery has a valid row more, and the sex of the other was read wrongly
    story.vault.attend("t2", sex="F")
    story.sql("UPDATE record SET sex = 'M' WHERE record_id = 'r0001'")
    story.release()


def test_a_contract_that_makes_rows_valid(story: Story) -> None:
    read_again(story, "UPDATE partner SET contract_hash = 'other' WHERE partner_id = 'VN-A'")
    found = story.causes()
    assert of(found) == {"contract": 1}
    assert of(found, "women") == {}


def test_the_same_contract_read_by_another_version_of_the_program(story: Story) -> None:
    read_again(story, "SELECT 1")
    assert of(story.causes()) == {"program": 1}


def test_another_rule_of_reading(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story.vault.attend("t1")
    story.release()
    monkeypatch.setattr("tests.warehouse.lineage.test_restate.RULES", RULES.model_copy(update={"age_minimum": 12}))
    story.sql("UPDATE delivery SET reading_hash = 'other'")
    story.vault.attend("t2")
    story.release()
    assert of(story.causes()) == {"programme_rules": 1}


def test_another_band_of_youth(story: Story) -> None:
    story.vault.attend("t1", **BORN_2000)
    story.vault.attend("t1", "TH-A", **BORN_2000)
    story.vault.attend("t2")
    story.release()
    story.release(youth_from=15, youth_to=18)
    found = story.causes()
    assert found == {(place, "youth"): {"programme_rules": -1} for place in ("ALL", "TH", "VN")}


@pytest.mark.parametrize(("cause", "expected"), [("judgement", "judgement"), ("match", "identity_merge")])
def test_a_merge(story: Story, cause: str, expected: str) -> None:
    story.vault.attend("t1", sex="F", training_date=DAY(2020, 8, 1))
    second = story.vault.attend("t2", "TH-A", sex="M")
    story.release()
    story.event(cause, "merge", {second: "t2"}, "t1")
    story.release()
    found = story.causes()
    # a person of two countries counts in both, with the attributes of the first training
    assert of(found) == {expected: -1}
    assert of(found, country="TH") == of(found, country="VN") == {}
    assert of(found, "women") == {}
    assert of(found, "women", "TH") == {expected: 1}


@pytest.mark.parametrize(("cause", "expected"), [("judgement", "judgement"), ("match", "identity_split")])
def test_a_split(story: Story, cause: str, expected: str) -> None:
    story.vault.attend("t1", sex="F", training_date=DAY(2020, 8, 1))
    second = story.vault.attend("t1", sex="M")
    story.release()
    story.event(cause, "split", {second: "t1"}, "t2")
    story.release()
    found = story.causes()
    assert of(found) == {expected: 1}
    assert of(found, "women") == {}


def test_other_weights_of_the_linkage(story: Story) -> None:
    story.vault.attend("t1")
    second = story.vault.attend("t2")
    third = story.vault.attend("t3")
    story.vault.insert("identity_state", made_by="weights 1")
    story.release()
    story.sql("UPDATE identity_state SET made_by = 'weights 2'")
    story.event("match", "merge", {second: "t2"}, "t1")
    # somebody judged the third to be the first, in the same release
    story.event("judgement", "merge", {third: "t3"}, "t1")
    story.release()
    assert of(story.causes()) == {"model": -1, "judgement": -1}


def test_with_other_weights_people_whom_a_new_record_links_are_merged_by_what_was_sent(story: Story) -> None:
    story.vault.attend("t1")
    second = story.vault.attend("t2")
    story.vault.insert("identity_state", made_by="weights 1")
    story.release()
    story.sql("UPDATE identity_state SET made_by = 'weights 2'")
    story.vault.attend("t1", date_received=DAY(2020, 11, 1))
    story.event("match", "merge", {second: "t2"}, "t1")
    story.release()
    assert of(story.causes()) == {"identity_merge": -1}


def test_a_record_that_goes_from_one_person_to_another_parts_and_meets(story: Story) -> None:
    story.vault.attend("t1")
    moving = story.vault.attend("t1", sex="F", training_date=DAY(2020, 8, 1))
    story.vault.attend("t2", training_date=DAY(2020, 7, 1), sex="M")
    story.release()
    story.event("judgement", "split", {moving: "t1"}, "t2")
    story.release()
    found = story.causes()
    assert of(found) == {}
    assert of(found, "women") == {"judgement": -1}


def test_another_id_for_the_same_people_is_no_change(story: Story) -> None:
    story.vault.attend("t1", sex="F")
    story.vault.attend("t1")
    story.release()
    story.sql("UPDATE register SET trainee_id = 't7'")
    story.release()
    assert story.causes() == {}


def test_several_causes_at_once(story: Story) -> None:
    story.vault.attend("t1", sex="F", **BORN_2000)
    second = story.vault.attend("t2", "TH-A", sex="F")
    story.vault.attend("t3", "MM-A")
    story.release()
    story.vault.attend("t4", "MM-A", sex="F", date_received=DAY(2020, 11, 1))
    story.sql("DELETE FROM record WHERE partner_id = 'MM-A' AND delivery_id = 'MM-A-2020-10-01'")
    story.sql("DELETE FROM delivery WHERE delivery_id = 'MM-A-2020-10-01'")
    story.sql("UPDATE partner SET contract_hash = 'other' WHERE partner_id = 'TH-A'")
    story.sql("UPDATE delivery SET reading_hash = 'other' WHERE partner_id = 'TH-A'")
    story.vault.attend("t5", "TH-A", sex="F")
    story.event("judgement", "merge", {second: "t2"}, "t1")
    story.release(youth_from=30)
    found = story.causes()
    assert of(found) == {"new_delivery": 1, "corrected_delivery": -1, "contract": 1, "judgement": -1}
    assert of(found, "women") == {"new_delivery": 1, "contract": 1, "judgement": -1}
    # the merged woman was young in both countries by then, and under the new band in none
    assert of(found, "youth", "TH") == {"judgement": 1, "programme_rules": -1}


# -- any change

TRAINEES = ("t1", "t2", "t3", "t4")
PARTNERS = ("VN-A", "TH-A")
RECORD = st.fixed_dictionaries(
    {
        "trainee": st.sampled_from(TRAINEES),
        "delivery": st.integers(0, 2),
        "training_date": st.sampled_from([DAY(2020, 8, 1), DAY(2021, 1, 1), DAY(2021, 8, 1)]),
        "sex": st.sampled_from(["F", "M", ""]),
        "birth_date": st.sampled_from([None, DAY(1985, 6, 1), DAY(2002, 12, 1)]),
        "trainee_type": st.sampled_from(["", "msme_owner", "job_seeker"]),
        "is_rural": st.sampled_from([None, True, False]),
    }
)
STATE = st.fixed_dictionaries(
    {
        "records": st.lists(st.none() | RECORD, min_size=7, max_size=7),
        "deliveries": st.lists(
            st.tuples(st.sampled_from(["loaded", "superseded", "gone"]), st.sampled_from(["h1", "h2"])),
            min_size=6,
            max_size=6,
        ),
        "contract": st.sampled_from(["c1", "c2"]),
        "made_by": st.sampled_from(["w1", "w2"]),
        "youth_to": st.sampled_from([35, 19]),
        "judged": st.sets(st.integers(0, 6), max_size=2),
    }
)


def put(story: Story, state: dict[str, Any]) -> None:
    """Make the vault what a state says."""
    con = story.vault.con
    for table in ("record", "register", "delivery", "identity_state", "partner"):
        con.execute(f"DELETE FROM {table}")
    con.execute("INSERT INTO identity_state VALUES (?)", [state["made_by"]])
    for partner in PARTNERS:
        story.vault.partner(partner)
        con.execute("UPDATE partner SET contract_hash = ?", [state["contract"]])
    used = {(at % 2, record["delivery"]) for at, record in enumerate(state["records"]) if record}
    for at, partner in enumerate(PARTNERS):
        for number in range(3):
            outcome, read = state["deliveries"][3 * at + number]
            if outcome != "gone" or (at, number) in used:
                story.vault.insert(
                    "delivery",
                    delivery_id=f"{partner}-{number}",
                    partner_id=partner,
                    country_code=partner[:2],
                    period="2020-09" if number < 2 else None,
                    outcome="superseded" if outcome == "superseded" else "loaded",
                    reading_hash=read,
                    date_received=DAY(2021, 9, 1 + number),
                )
    for at, record in enumerate(state["records"]):
        if record is None:
            continue
        partner = PARTNERS[at % 2]
        values = {name: value for name, value in record.items() if name not in ("trainee", "delivery")}
        story.vault.insert(
            "record",
            record_id=f"r{at}",
            partner_id=partner,
            country_code=partner[:2],
            delivery_id=f"{partner}-{record['delivery']}",
            birth_earliest=record["birth_date"],
            birth_latest=record["birth_date"],
            course_code="DL101",
            disposition="accepted",
            **values,
        )
        story.vault.insert("register", record_id=f"r{at}", trainee_id=record["trainee"])
    # whether or not the records are where they were: the register may know of more movements than two states show
    for at in state["judged"]:
        story.vault.insert(
            "identity_event",
            event_id=f"e{story.number}{at}",
            release_number=story.number + 1,
            event="merge",
            trainee_id="t1",
            cause="judgement",
        )
        story.vault.insert("identity_event_record", event_id=f"e{story.number}{at}", record_id=f"r{at}", side="moved")
    story.release(youth_to=state["youth_to"])


@pytest.fixture
def long_story(make_vault: Callable[[], TinyVault], tmp_path: Path) -> Story:
    data = tmp_path / "long"
    data.mkdir()
    return Story(make_vault(), data)


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(before=STATE, after=STATE)
def test_whatever_changes_the_causes_add_up(long_story: Story, before: dict[str, Any], after: dict[str, Any]) -> None:
    put(long_story, before)
    put(long_story, after)
    # adds up for every indicator and country, or `causes` fails
    forth = long_story.causes()
    assert {cause for parts in forth.values() for cause in parts} <= set(CAUSES) - {"unrecorded"}
    assert long_story.causes() == forth
    put(long_story, before)
    back = long_story.causes()
    for line in {*forth, *back}:
        assert sum(forth.get(line, {}).values()) == -sum(back.get(line, {}).values())


# -- in the release


def test_a_release_says_what_changed_since_the_one_before(vault: TinyVault, data: Path) -> None:
    vault.attend("t1", sex="F")
    first = vault.publish_with_history(data).release
    assert read_table(first.path, "report_restatement") == []
    assert read_table(first.path, "report_frozen") == []
    vault.attend("t2", "TH-A", date_received=DAY(2020, 11, 1))
    second = vault.publish_with_history(data).release
    table = read_table(second.path, "report_restatement")
    assert {row["baseline"] for row in table} == {"previous"}
    assert {row["baseline_release"] for row in table} == {1}
    assert len(table) == 3 * len(INDICATORS)
    lines = {(row["country_code"], row["indicator_code"]): row for row in table}
    line = lines["TH", "people_reached"]
    assert (line["figure_before"], line["figure_after"], line["by_new_delivery"]) == (0, 1, 1)
    assert lines["VN", "women"]["difference"] == 0
    for row in table:
        assert row["difference"] == sum(value for name, value in row.items() if name.startswith("by_"))
        assert (row["by_program"], row["by_unrecorded"]) == (0, 0)


def test_the_command_says_the_same_as_the_table(vault: TinyVault, data: Path) -> None:
    vault.attend("t1", sex="F")
    first = vault.publish_with_history(data).release
    vault.attend("t2", "TH-A", date_received=DAY(2020, 11, 1))
    second = vault.publish_with_history(data).release
    heading, lines = explain(vault.con, data, first, second)
    said = [dict(zip(heading, line, strict=True)) for line in lines]
    table = read_table(second.path, "report_restatement")
    published = [{name: row[name] for name in heading} for row in table]
    order = ("country_code", "indicator_code")
    assert sorted(said, key=lambda row: [row[name] for name in order]) == published


def test_where_no_record_was_kept_it_is_said(vault: TinyVault, data: Path) -> None:
    vault.attend("t1")
    vault.publish(data)
    vault.attend("t2", date_received=DAY(2020, 11, 1))
    table = read_table(vault.publish_with_history(data).release.path, "report_restatement")
    changed = [row for row in table if row["difference"]]
    assert {row["indicator_code"] for row in changed} == {"people_reached", "participations"}
    assert all(row["by_unrecorded"] == row["difference"] for row in changed)


def test_a_damaged_record_stops_no_publication(vault: TinyVault, data: Path) -> None:
    vault.attend("t1")
    vault.publish_with_history(data)
    snapshot_path(data, 1).write_bytes(b"PAR1")
    vault.attend("t2", date_received=DAY(2020, 11, 1))
    table = read_table(vault.publish_with_history(data).release.path, "report_restatement")
    assert sum(row["by_unrecorded"] for row in table if row["indicator_code"] == "people_reached") == 2


def test_a_snapshot_is_private_and_goes_with_its_release(vault: TinyVault, data: Path) -> None:
    vault.attend("t1", full_name="Nobody At All", phones="+84901234567")
    vault.publish_with_history(data, keep=2)
    path = snapshot_path(data, 1)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    names = {name for (name, *_) in vault.con.execute(f"DESCRIBE FROM read_parquet('{path}')").fetchall()}
    assert names.isdisjoint({"full_name", "phones", "email", "national_id", "latin_name", "member_id"})
    leftover = path.with_name("000009.building")
    leftover.write_bytes(b"")
    vault.publish_with_history(data, keep=2)
    vault.publish_with_history(data, keep=2)
    assert sorted(item.name for item in path.parent.iterdir()) == ["000002.parquet", "000003.parquet"]
