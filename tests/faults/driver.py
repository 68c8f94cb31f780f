"""Runs the command again and again from one prepared folder, lets another step fail each time, and says what came.

A process of its own, `python -m tests.faults.driver`: everything is imported once, and each run is a fork of this
process, which itself never opens a database. It prints a line of JSON for each run.
"""

import codecs
import hashlib
import json
import os
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from tests.faults.injector import HOW, Injector

TRACEBACK = 99
# what a partner's rows and people come to; the tables that only remember how it came to that are left out
_FIGURES = ("record", "rejected_row", "returned_row", "delivery", "landed_file", "sighting", "register")
_LINKED = ("identity_record", "identity_node", "identity_key", "identity_edge", "identity_cluster", "identity_alias")


@dataclass(frozen=True)
class Ended:
    """How a run of the command ended: exit code (negative: the signal), what it printed, steps it took."""

    code: int
    said: str
    steps: tuple[str, ...]


def warm_up() -> None:
    """Import and parse what every run needs; no database is opened."""
    import pandas
    import splink
    import svy

    import flows.commands.app
    import flows.commands.console
    import flows.intake.read_trainings
    import flows.normalise.survey
    import flows.run.execute
    import warehouse.assemble
    import warehouse.identity.calibration
    import warehouse.identity.linkage.link
    import warehouse.identity.register
    import warehouse.identity.respondents
    import warehouse.lineage.freeze
    import warehouse.release.verify
    import warehouse.survey.load
    import warehouse.survey.outcome
    import warehouse.vault.load
    from schemas.programme import load_programme
    from warehouse.identity.linkage.model import load_model
    from warehouse.release.build import model_order

    assert all((pandas, splink, svy, flows, warehouse))
    load_programme()
    load_model()
    model_order()
    with redirect_stdout(StringIO()):
        flows.commands.console.print_table(("a",), [("b",)])
    # found in a folder that somebody else than the owner may not read
    for name in ("ascii", "latin-1", "utf-8", "utf-16", "idna", "cp437"):
        codecs.lookup(name)


def in_a_fork(act: Callable[[], Any]) -> tuple[int, Any, str]:
    """Return a forked child's exit code (negative: the signal that ended it), what `act` returned, what it printed.

    All of it comes through pipes: what is done to the child's files must not touch its answer.
    """
    answer, said = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        code = TRACEBACK
        os.dup2(said[1], 1)
        os.dup2(said[1], 2)
        for descriptor in (answer[0], *said):
            os.close(descriptor)
        try:
            content = json.dumps(act()).encode()
            while content:
                content = content[os.write(answer[1], content) :]
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    os.close(answer[1])
    os.close(said[1])
    with os.fdopen(answer[0], "rb") as stream, os.fdopen(said[0], errors="replace") as printed:
        content, text = stream.read(), printed.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), json.loads(content) if content else None, text


def run_command(
    root: Path,
    arguments: list[str],
    how: str = "raise",
    at: int = 0,
    where: str = "run",
    before: Callable[[], None] = lambda: None,
) -> Ended:
    """Run `godigital` in a fork, and let step `at` of the run, or of the verifier it starts, go wrong.

    Args:
        root: The folder that is counted; it holds `raw` and `data`.
        arguments: The command's.
        how: One of injector.HOW.
        at: The step; 0 for none.
        where: "run", or "verify" for the process that reads the candidate again.
        before: What the child does to itself first, such as giving up rights.
    """

    def act() -> tuple[int, list[str]]:
        from flows.commands.app import main

        before()
        verifier = _Verifier(Injector(root, how, at if where == "verify" else 0))
        injector = Injector(root, how, at if where == "run" else 0)
        subprocess.run = verifier.counted(injector)
        injector.install()
        sys.argv = ["godigital", *arguments]
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0), (verifier.steps if where == "verify" else injector.steps)
        raise AssertionError("the command ends with an exit code")

    code, answer, said = in_a_fork(act)
    if answer is not None:
        code = answer[0]
    return Ended(code, said, tuple(answer[1]) if answer else ())


class _Verifier:
    """Stands ready, forked before any database was opened, to verify one candidate: no Python has to start."""

    def __init__(self, injector: Injector):
        self.steps: list[str] = []
        asked, self._ask = os.pipe()
        self._answer, told = os.pipe()
        if os.fork() == 0:
            os.close(self._ask)
            os.close(self._answer)
            self._serve(asked, told, injector)
        os.close(asked)
        os.close(told)

    def _serve(self, asked: int, told: int, injector: Injector) -> None:
        from warehouse.release.verify import main

        with os.fdopen(asked) as stream:
            question = stream.read()
        # without a question whoever could ask is dead
        if question:
            command, manifest = json.loads(question)
            sys.argv, sys.stdin, sys.stdout = command[3:], StringIO(manifest), StringIO()
            # as the one that is started does: what it says is not what the command says
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            code = 1
            injector.install()
            try:
                main()
                code = 0
            except BaseException:
                traceback.print_exc()
            os.write(told, json.dumps([code, sys.stdout.getvalue(), injector.steps]).encode())
        os._exit(0)

    def counted(self, injector: Injector) -> Callable[..., "subprocess.CompletedProcess[str]"]:
        def run(command: list[str], **options: Any) -> "subprocess.CompletedProcess[str]":
            injector.step("start verify", lambda: OSError(11, os.strerror(11)))
            with os.fdopen(self._ask, "w") as stream:
                stream.write(json.dumps([command, options["input"]]))
            with os.fdopen(self._answer) as stream:
                answer = stream.read()
            code, text, self.steps = json.loads(answer) if answer else (-9, "", [])
            return subprocess.CompletedProcess(command, code, text, "")

        return run


def published(data: Path) -> dict[str, str]:
    """Content hashes of the current release, of tables that depend on the inputs alone; empty where there is none.

    A release whose bytes are not those that its manifest names has the one entry "damaged".
    """
    link = data / "warehouse.duckdb"
    if not link.is_symlink():
        return {}
    release = link.resolve()
    manifest = json.loads(release.with_suffix(".json").read_text())
    with release.open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != manifest["file_sha256"]:
            return {"damaged": release.name}
    return {
        name: table["content_hash"]
        for name, table in manifest["tables"].items()
        if name != "release" and name not in manifest["historical_tables"]
    }


def stale_files(root: Path) -> list[str]:
    """Names of what should not be there once a run has come to its end."""
    data = root / "data"
    releases = {path.name for path in (data / "releases").glob("[0-9]*")}
    complete = {name.split(".")[0] for name in releases if name.endswith(".duckdb")}
    snapshots = {path.stem for path in (data / "private" / "snapshots").glob("*.parquet")}
    found = [str(path.relative_to(root)) for path in root.rglob("*") if path.suffix in (".part", ".building", ".wal")]
    found += sorted(name for name in releases if name.split(".")[0] not in complete)
    found += sorted(number for number in complete if f"{number}.json" not in releases)
    found += sorted(f"snapshot {number}" for number in snapshots - complete)
    return found


def look_into(data: Path) -> dict[str, Any]:
    """What the vault and the release hold, read in a fork: hashes of tables, deliveries that break the law."""

    def act() -> dict[str, Any]:
        import duckdb

        found: dict[str, Any] = {"figures": "", "linked": "", "unlawful": []}
        vault = data / "private" / "vault.duckdb"
        if vault.exists():
            with duckdb.connect(str(vault), read_only=True) as con:
                found["figures"] = _digest(con, _FIGURES)
                found["linked"] = _digest(con, _LINKED)
                if "delivery" in _tables(con):
                    found["unlawful"] += _unlawful(con, "delivery")
        link = data / "warehouse.duckdb"
        if link.exists():
            with duckdb.connect(str(link.resolve()), read_only=True) as con:
                found["unlawful"] += _unlawful(con, "core_delivery")
        return found

    code, found, said = in_a_fork(act)
    assert code == 0, said
    return found


def _tables(con: Any) -> set[str]:
    return {name for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}


def _digest(con: Any, tables: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for table in sorted(set(tables) & _tables(con)):
        # times of pulling, and under which contract it was read
        columns = [
            row[0]
            for row in con.execute(f"DESCRIBE {table}").fetchall()
            if row[1] != "TIMESTAMP" and row[0] != "reading_hash"
        ]
        rows = con.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY ALL").fetchall()
        digest.update(f"{table} {rows}".encode())
    return digest.hexdigest()


def _unlawful(con: Any, table: str) -> list[str]:
    rows = con.execute(
        f"SELECT delivery_id FROM {table} WHERE rows_in <> "
        "rows_accepted + rows_rejected + rows_superseded + rows_repeated + rows_structural"
    ).fetchall()
    return [str(row[0]) for row in rows]


def state_of(root: Path, inside: dict[str, Any]) -> str:
    """What a rerun can find: every file that is no database, and what the vault holds.

    Names of parts are drawn at random, and times differ; both are left out.
    """
    found = [inside["figures"], inside["linked"]]
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_dir() or path.suffix == ".lock":
            continue
        if path.suffix == ".part":
            name = ".".join(name.split(".")[:-2]) + ".part"
        content = "" if path.suffix in (".duckdb", ".wal", ".building", ".json") else _hash_of(path)
        found.append(f"{name} {content}")
    found.append(str(published(root / "data")))
    return hashlib.sha256("\n".join(found).encode()).hexdigest()


def _hash_of(path: Path) -> str:
    if path.is_symlink():
        return str(path.readlink())
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def copied(prepared: Path, work: Path) -> Iterator[Path]:
    """A copy of the prepared folder, under a name that is always the same."""
    root = work / "root"
    shutil.copytree(prepared, root, symlinks=True)
    try:
        yield root
    finally:
        shutil.rmtree(root)


def arguments_of(root: Path) -> list[str]:
    """The command whose steps are counted."""
    return ["run", "--raw", str(root / "raw"), "--data", str(root / "data")]


class Bench:
    """A prepared folder, and what it comes to undisturbed: the hashes before and after, and what the vault holds."""

    def __init__(self, prepared: Path, work: Path):
        self._prepared, self._work = prepared, work
        with self.copy() as root:
            self.old = published(root / "data")
            undisturbed = run_command(root, arguments_of(root))
            assert undisturbed.code == 0, undisturbed.said
            self.new, self._figures = published(root / "data"), look_into(root / "data")["figures"]
        self._steps = {"run": undisturbed.steps}
        assert self.old != self.new
        self._known: set[str] = set()

    def copy(self) -> AbstractContextManager[Path]:
        """A copy of the prepared folder, under a name that is always the same."""
        return copied(self._prepared, self._work)

    def stands(self, root: Path) -> str:
        """Which release readers have: "old", "new", or what it is instead."""
        try:
            found = published(root / "data")
        except (OSError, ValueError) as error:
            return type(error).__name__
        return "old" if found == self.old else "new" if found == self.new else str(found)

    def heal(self, root: Path) -> dict[str, Any]:
        """Run again undisturbed; return code, said, stands, stale (files), same (whether the vault is as it should)."""
        healing = run_command(root, arguments_of(root))
        inside = look_into(root / "data")
        return {
            "code": healing.code,
            "said": healing.said,
            "stands": self.stands(root),
            "stale": stale_files(root),
            "same": inside["figures"] == self._figures,
            "unlawful": inside["unlawful"],
        }

    def sweep(self, how: str, where: str, spread: str) -> Iterator[dict[str, Any]]:
        """Yield what came of a run for steps of it that went wrong.

        Args:
            how: One of injector.HOW.
            where: "run", or "verify" for the process that reads the candidate again.
            spread: "all", or two numbers: of the steps before the candidate is verified every n-th, then every m-th.

        Returns:
            Keys: how, where, at, step (its name), code, said, stands, unlawful (deliveries that break the law), and
            healed, None where another step had left the same state, which has been healed already.
        """
        if where not in self._steps:
            with self.copy() as root:
                self._steps[where] = run_command(root, arguments_of(root), where=where).steps
        steps = self._steps[where]
        for at in _spread(steps, spread, offset=HOW.index(how) + 1):
            with self.copy() as root:
                ended = run_command(root, arguments_of(root), how, at, where)
                inside = look_into(root / "data")
                found = {"how": how, "where": where, "at": at, "step": steps[at - 1], "code": ended.code}
                found |= {"said": ended.said, "stands": self.stands(root), "unlawful": inside["unlawful"]}
                state = state_of(root, inside)
                found["healed"] = None if state in self._known else self.heal(root)
                self._known.add(state)
                yield found


def _spread(steps: Sequence[str], spread: str, offset: int) -> Iterator[int]:
    """The steps to take, from 1; `offset` lets ways to fail take others than each other."""
    if spread == "all":
        yield from range(1, len(steps) + 1)
        return
    early, late = map(int, spread.split("/"))
    verified = steps.index("start verify") if "start verify" in steps else 0
    yield from range(offset * early // 3 or 1, verified, early)
    yield from range(verified + offset * late // 3 or 1, len(steps) + 1, late)


def main() -> None:
    """Sweep as the command line says: prepared folder, folder to work in, then `HOW WHERE SPREAD` again and again."""
    warm_up()
    prepared, work, *sweeps = sys.argv[1:]
    bench = Bench(Path(prepared), Path(work))
    for how, where, spread in zip(sweeps[::3], sweeps[1::3], sweeps[2::3], strict=True):
        for found in bench.sweep(how, where, spread):
            print(json.dumps(found), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
