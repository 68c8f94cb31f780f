"""Reads a built release again, in a new process, and says whether it is as built and passes its checks.

Run as `python -m warehouse.release.verify RELEASE`, manifest on standard input, findings as JSON on standard output;
it imports little, because it runs at every publication.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from warehouse.release.build import set_rules, summarise
from warehouse.release.checks import Check, Severity, all_checks
from warehouse.storage import files

_ONE_OR_MANY = re.compile(r"\[([^|\]]*)\|([^|\]]*)\]")


@dataclass(frozen=True)
class Finding:
    """What is wrong in a release, and the number of rows that are wrong."""

    severity: Severity
    name: str
    sentence: str
    rows: int

    @property
    def problem(self) -> str:
        """The number of wrong rows and what is wrong: 7 deliveries could not be read."""
        words = _ONE_OR_MANY.sub(lambda found: found[1 if self.rows == 1 else 2], self.sentence)
        return f"{self.rows:,} {words}"

    def __str__(self) -> str:
        return f"{self.problem} (check {self.name})"


@dataclass(frozen=True)
class Verdict:
    """What reading a release again has shown; publishable without problems and failed checks."""

    problems: tuple[str, ...]
    findings: tuple[Finding, ...]


def run_checks(con: duckdb.DuckDBPyConnection, checks: list[Check]) -> Iterator[Finding]:
    """Yield a finding for every check that gives rows; SQL variables of the rules are set."""
    for check in checks:
        row = con.execute(f"SELECT count(*) FROM (\n{check.query}\n)").fetchone()
        if row is not None and row[0] > 0:
            yield Finding(check.severity, check.name, check.sentence, row[0])


def verify(release: Path, manifest: dict[str, Any], *, with_checks: bool = True) -> Verdict:
    """Read every row of `release` and compare it with `manifest` (see `build.release_manifest`).

    Args:
        release: The file; it is opened read-only.
        manifest: Number, size and hash of the file, rows and content hash of every table, rules.
        with_checks: Also run the checks; not for an old release, which passed the checks of its day.
    """
    problems = []
    if release.with_name(release.name + ".wal").exists():
        problems.append("a write-ahead log lies beside the file: somebody has it open for writing")
    if files.sha256_of(release) != manifest["file_sha256"]:
        problems.append("the bytes of the file are not those that were built")
    findings: list[Finding] = []
    try:
        with duckdb.connect(str(release), read_only=True, config={"enable_external_access": "false"}) as con:
            set_rules(con, manifest["rules"])
            problems.extend(_compare_tables(con, manifest))
            if with_checks and not problems:
                findings.extend(run_checks(con, all_checks()))
    except duckdb.Error as error:
        problems.append(f"the file cannot be read ({type(error).__name__})")
    return Verdict(tuple(problems), tuple(findings))


def _compare_tables(con: duckdb.DuckDBPyConnection, manifest: dict[str, Any]) -> Iterator[str]:
    found = [name for (name,) in con.execute("SELECT table_name FROM information_schema.tables").fetchall()]
    if sorted(found) != sorted(manifest["tables"]):
        odd = ", ".join(sorted(set(found) ^ set(manifest["tables"])))
        yield f"the tables are not those of the manifest: {odd}"
        return
    for table, promised in manifest["tables"].items():
        summary = asdict(summarise(con, table))
        yield from (
            f"{table}: {what.replace('_', ' ')} {summary[what]}, but {promised[what]} was built"
            for what in ("rows", "content_hash")
            if summary[what] != promised[what]
        )
    numbers = {number for (number,) in con.execute("SELECT release_number FROM release").fetchall()}
    if numbers != {manifest["release_number"]}:
        yield f"table release does not say number {manifest['release_number']}"


def main() -> None:
    """Print the verdict on the release named on the command line as JSON."""
    manifest = json.load(sys.stdin)
    verdict = verify(Path(sys.argv[1]), manifest, with_checks="--without-checks" not in sys.argv[2:])
    json.dump(asdict(verdict), sys.stdout)


if __name__ == "__main__":
    main()
