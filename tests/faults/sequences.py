"""Random sequences of what can happen to a pipeline, held against a plain model of what must be counted.

A process of its own, `python -m tests.faults.sequences EXAMPLES STEPS`: every command is a fork, as in
tests.faults.driver, so that a run can be killed at any step. It fails as Hypothesis does, with the sequence.
"""

import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.faults.driver import Ended, arguments_of, in_a_fork, published, run_command, stale_files, warm_up
from tests.faults.small_partner import Person, deliver, make_partner, row

MONTHS = ("08", "09", "10")
# in a month of their own that nobody corrects: whom judgements are about
JUDGED = (30, 31, 32, 33)
KEY = "5a" * 32
Rows = frozenset[int]


@dataclass(frozen=True)
class Version:
    """A delivery of a month: which version its name says, and whom it lists."""

    number: int
    people: Rows


@dataclass
class Model:
    """What was delivered: months of the partner that sends months, files of the one whose file holds everything."""

    months: dict[str, list[Version]] = field(default_factory=dict)
    cumulative: list[tuple[str, Rows]] = field(default_factory=list)
    merged: dict[frozenset[int], str] = field(default_factory=dict)

    @property
    def counted(self) -> dict[str, int]:
        """Accepted rows of each partner, and people."""
        in_force = {month: self._in_force(versions) for month, versions in self.months.items()}
        whole = self._newest()
        people = frozenset(JUDGED).union(whole, *in_force.values())
        accepted = {"TL-COOP": len(JUDGED) + sum(map(len, in_force.values())), "TL-ALL": len(whole)}
        return {name: count for name, count in accepted.items() if count} | {"people": len(people) - len(self.merged)}

    @staticmethod
    def _in_force(versions: list[Version]) -> Rows:
        """The highest version named counts, whenever it came, also where it goes back to what an earlier one said."""
        return max(versions, key=lambda version: version.number).people

    def _newest(self) -> Rows:
        """The newest period counts; the same bytes count once, for the file that brought them first."""
        first: dict[Rows, str] = {}
        for month, people in self.cumulative:
            first.setdefault(people, month)
        return max(first, key=lambda people: first[people]) if first else frozenset()


def _month_rows(month: str, people: Rows) -> list[str]:
    """A row for each, those with an odd number twice, and one without a day."""
    rows = [row(number, f"{number % 27 + 1:02d}/{month}/2020", "DL101") for number in sorted(people)]
    return [*rows, *(text for text, number in zip(rows, sorted(people), strict=True) if number % 2), row(50, "-")]


class Pipeline(RuleBasedStateMachine):
    """Everything that can happen, in any order."""

    @initialize()
    def begin(self) -> None:
        """Make two partners and a first release."""
        self._place = Path(tempfile.mkdtemp())
        self.root = self._place / "root"
        self.monthly = make_partner(self.root / "raw", "TL/COOP")
        self.cumulative = make_partner(self.root / "raw", "TL/ALL", "cumulative")
        (self.root / "data" / "private").mkdir(parents=True, mode=0o700)
        (self.root / "data" / "private" / "identity.key").write_text(KEY)
        self.day = 0
        self.model = Model()
        deliver(self.monthly, "2020-08-01", "lista 2020-07.csv", _month_rows("07", frozenset(JUDGED)))
        self.shown = self.model.counted
        self.run()

    def teardown(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self._place, ignore_errors=True)

    def _received(self) -> str:
        self.day += 1
        return f"2021-{self.day // 28 + 1:02d}-{self.day % 28 + 1:02d}"

    @rule(month=st.sampled_from(MONTHS), number=st.integers(1, 5), people=st.frozensets(st.integers(0, 9), min_size=1))
    def deliver(self, month: str, number: int, people: Rows) -> None:
        """A month, or a correction of it; a correction can come before what it corrects."""
        versions = self.model.months.setdefault(month, [])
        if number in {version.number for version in versions}:
            return
        versions.append(Version(number, people))
        deliver(self.monthly, self._received(), f"lista 2020-{month}_v{number}.csv", _month_rows(month, people))

    @rule(month=st.sampled_from(MONTHS), people=st.frozensets(st.integers(5, 14), min_size=1))
    def deliver_everything(self, month: str, people: Rows) -> None:
        """The file of the other partner that holds everything up to a month."""
        if month in {known for known, _ in self.model.cumulative}:
            return
        self.model.cumulative.append((month, people))
        rows = [row(number, f"{number % 27 + 1:02d}/08/2020", "SM201") for number in sorted(people)]
        deliver(self.cumulative, self._received(), f"tudo 2020-{month}.csv", rows)

    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        """A file vanishes from the source, after it was taken in: what was landed still counts."""
        self.run()
        found = sorted((self.root / "raw" / "TL").glob("*/sample/2021-*/*.csv"))
        if found:
            data.draw(st.sampled_from(found), label="file").unlink()

    @precondition(lambda self: len(self.model.merged) < len(JUDGED) // 2)
    @rule()
    def judge_the_same(self) -> None:
        """Somebody knows that two are one; published at once, with whatever was loaded."""
        self.run()
        free = [number for number in JUDGED if not any(number in pair for pair in self.model.merged)]
        one, other = self._trainees(free[:2])
        ended = self._command("identity", "merge", one, other, "--why", "two phones", "--by", "a test")
        assert ended.code == 0, ended.said
        self.model.merged[frozenset(free[:2])] = ended.said.split("identity undo ")[1].split()[0]
        self._require(self.model.counted)

    @precondition(lambda self: self.model.merged)
    @rule()
    def take_back(self) -> None:
        """It was wrong after all."""
        self.run()
        _, group = self.model.merged.popitem()
        ended = self._command("identity", "undo", group, "--why", "wrong", "--by", "a test")
        assert ended.code == 0, ended.said
        self._require(self.model.counted)

    @rule()
    def reprocess(self) -> None:
        """Read everything that was landed again."""
        self.run()
        before = published(self.root / "data")
        ended = self._command("reprocess", "TL")
        assert ended.code == 0, ended.said
        assert published(self.root / "data") == before
        self._require(self.model.counted)

    @rule(at=st.integers(1, 850), how=st.sampled_from(["kill", "raise", "stay"]))
    def crash(self, at: int, how: str) -> None:
        """A run is killed, or the disk or the database fails it."""
        ended = run_command(self.root, arguments_of(self.root), how, at)
        assert ended.code in (-signal.SIGKILL, 0, 1, 2), ended.said
        assert "Traceback" not in ended.said
        found = self._counted()
        assert found in (self.shown, self.model.counted), ended.said
        self.shown = found

    @rule()
    def run(self) -> None:
        """Run."""
        ended = run_command(self.root, arguments_of(self.root))
        assert ended.code == 0, ended.said
        self._require(self.model.counted)
        assert stale_files(self.root) == []

    @invariant()
    def readers_have_what_they_had(self) -> None:
        """Nothing but a publication changes what is published."""
        if hasattr(self, "shown"):
            assert self._counted() == self.shown

    def _command(self, *words: str) -> Ended:
        return run_command(self.root, [*words, *arguments_of(self.root)[1:]])

    def _require(self, wanted: Mapping[str, int]) -> None:
        assert self._counted() == wanted
        self.shown = dict(wanted)

    def _counted(self) -> dict[str, int]:
        """What the release says; whoever breaks the law of conservation is counted, too."""
        return self._read(
            self.root / "data" / "warehouse.duckdb",
            """
            SELECT partner_id, sum(rows_accepted)::INTEGER FROM core_delivery GROUP BY ALL HAVING sum(rows_accepted) > 0
            UNION ALL SELECT 'people', trainees FROM report_reach WHERE country_code = 'ALL'
            UNION ALL SELECT 'unlawful ' || delivery_id, 1 FROM core_delivery WHERE rows_in <>
                rows_accepted + rows_rejected + rows_superseded + rows_repeated + rows_structural
            UNION ALL SELECT 'uncounted', abs(count(*) - (SELECT sum(rows_accepted) FROM core_delivery))::INTEGER
            FROM core_attendance HAVING count(*) <> (SELECT sum(rows_accepted) FROM core_delivery)
            """,
        )

    def _trainees(self, people: list[int]) -> list[str]:
        phones = [Person(number).cells[3] for number in people]
        found = self._read(
            self.root / "data" / "private" / "vault.duckdb",
            "SELECT right(phones, 8), trainee_id FROM record JOIN register USING (record_id)",
        )
        return [found[phone] for phone in phones]

    def _read(self, database: Path, sql: str) -> dict[str, Any]:
        def act() -> list[tuple[str, Any]]:
            import duckdb

            with duckdb.connect(str(database.resolve()), read_only=True) as con:
                return con.execute(sql).fetchall()

        code, rows, said = in_a_fork(act)
        assert code == 0, said
        return dict(rows)


def main() -> None:
    """Try as many examples of as many steps as the command line says."""
    examples, steps = map(int, sys.argv[1:])
    warm_up()
    run_state_machine_as_test(
        Pipeline,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


if __name__ == "__main__":
    main()
