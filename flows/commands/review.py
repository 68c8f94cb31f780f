"""`godigital review`: an officer judges doubtful pairs, in the terminal or in a workbook."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.identity import named, publish_now
from flows.commands.options import By, Data, Raw, country_code, existing_vault, fail, settings_of
from flows.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

    from warehouse.identity.judgements import Contradiction, Decided, Judgement, Verdict
    from warehouse.identity.review.doubtful_pairs import DoubtfulPair, PairEvidence, RecordFacts

review_app = typer.Typer(help="Judge doubtful pairs: in the terminal, or in a workbook.")

OnlyCountry = Annotated[str | None, typer.Option(help="Only pairs with a record of this country, e.g. VN.")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many pairs, the most important first.")]
Again = Annotated[bool, typer.Option("--unsure", help="Also offer pairs that somebody was unsure of.")]

REVIEW_EXAMPLES = """
Examples:

  godigital review

  godigital review --country VN --limit 20

  godigital review export doubtful.xlsx --country VN

  godigital review import doubtful.xlsx --by "Siti Aminah"
"""


@review_app.callback(invoke_without_command=True, epilog=REVIEW_EXAMPLES)
def review(
    context: typer.Context,
    country: OnlyCountry = None,
    limit: Limit = None,
    unsure: Again = False,
    by: By = None,
    publish: Annotated[bool, typer.Option("--publish", help="Publish a release at the end.")] = False,
    raw: Raw = None,
    data: Data = None,
) -> None:
    """Show doubtful pairs, the greatest effect on the published count first, and take a verdict on each.

    Keys: s same, d different, u unsure, n skip, z undo the last verdict, w write a note, q quit. Every verdict is
    kept at once. Where there is no terminal, a line is read for each key.
    """
    if context.invoked_subcommand is not None:
        return
    from rich.console import Console

    settings = settings_of(raw, data)
    who = named(by)
    batch = read_batch(settings, country, limit, unsure)
    # a pipe has no width: do not cut names
    console = Console() if Console().is_terminal else Console(width=120)
    say_contradictions(console, batch.contradictions)
    if not batch.pairs:
        console.print(f"No doubtful pair is waiting{f' in {country_code(country)}' if country else ''}.")
        return
    session = Session(settings, batch, who, console)
    session.run()
    session.close()
    if publish and session.made:
        with existing_vault(settings, "review") as con:
            publish_now(settings, con)


@dataclass(frozen=True)
class Batch:
    """Everything to show, read at once: the vault is not locked while the officer thinks."""

    pairs: "list[DoubtfulPair]"
    facts: "dict[str, RecordFacts]"
    evidence: "dict[tuple[str, str], PairEvidence]"
    contradictions: tuple[str, ...]


def read_batch(settings: Settings, country: str | None, limit: int | None, unsure: bool) -> Batch:
    """Return the doubtful pairs with their records and evidence."""
    from warehouse.identity import judgement_table, judgements
    from warehouse.identity.linkage.model import load_model
    from warehouse.identity.review import doubtful_pairs as reviewing

    model = load_model()
    with existing_vault(settings, "review") as con:
        everything = judgement_table.read_judgements(con)
        decisions = judgements.effective(everything)
        code = country_code(country) if country else None
        if code is not None:
            _require_country(con.execute("SELECT DISTINCT country_code FROM partner ORDER BY 1").fetchall(), code)
        pairs = reviewing.doubtful_pairs(con, model, decisions, country=code, limit=limit, unsure_again=unsure)
        facts = reviewing.read_records(con, reviewing.shown_first(pairs))
        pairs = [item for item in pairs if item.pair[0] in facts and item.pair[1] in facts]
        found = reviewing.evidence(con, model, [item.pair for item in pairs])
    return Batch(pairs, facts, found, contradictions_in_words(decisions, everything))


def _require_country(known: list[tuple[str]], code: str) -> None:
    if (code,) not in known:
        fail(f"{code}: no partner of this country has delivered; there are {', '.join(name for (name,) in known)}")


def contradictions_in_words(decisions: "Decided", everything: "list[Judgement]") -> tuple[str, ...]:
    """Return a sentence for each contradiction: who says what, and how to solve it."""
    by_id = {item.judgement_id: item for item in everything}
    return tuple(
        _contradiction(item, [by_id[name] for name in item.judgement_ids]) for item in decisions.contradictions
    )


def _contradiction(item: "Contradiction", involved: "list[Judgement]") -> str:
    said = "; ".join(f"{one.judgement_id} {one.judged_by}: {one.verdict}" for one in involved)
    one, other = (record[:8] for record in item.pair)
    holds = "neither holds" if item.kind == "people" else "they stay two people, as the stricter verdict says"
    solve = f"judge again, or take one back: godigital identity undo {involved[-1].judgement_id}"
    return f"Records {one} and {other} are judged in contradiction ({said}); {holds}. To solve it {solve}"


def say_contradictions(console: "Console", lines: tuple[str, ...]) -> None:
    """Print contradictions, one a line."""
    from flows.review.screen import contradiction_lines

    contradiction_lines(lines, console)


@dataclass
class Session:
    """One review by an officer. Each verdict is written at once, and the vault is locked only while writing."""

    settings: Settings
    batch: Batch
    who: str
    console: "Console"
    note: str = ""
    # place of the pair, id of what was written, verdict
    made: "list[tuple[int, str, Verdict]]" = field(default_factory=list)

    def run(self) -> None:
        """Show pair after pair until the last, or until q."""
        from flows.review.screen import read_key, read_note, show_pair, so_far
        from warehouse.identity.judgements import Verdict

        verdicts = {"s": Verdict.SAME, "d": Verdict.DIFFERENT, "u": Verdict.UNSURE}
        place, total, is_shown = 0, len(self.batch.pairs), False
        while place < total:
            pair = self.batch.pairs[place]
            if not is_shown:
                self.console.print()
                title = f"Pair {place + 1} of {total}; so far {so_far(self.counts)}"
                show_pair(self.console, title, pair, self.batch.facts, self.batch.evidence.get(pair.pair), self.note)
            is_shown = False
            key = read_key()
            if key in verdicts:
                self.judge(place, verdicts[key])
                place += 1
            elif key == "n":
                place, self.note = place + 1, ""
            elif key == "z":
                place, is_shown = self.undo(place)
            elif key == "w":
                self.note = read_note()
                self.console.print(f"Noted. {_ASK}", markup=False)
                is_shown = True
            elif key == "q":
                return
            else:
                self.console.print(_ASK, markup=False)
                is_shown = True

    @property
    def counts(self) -> dict[str, int]:
        """Verdicts of this sitting."""
        return dict(Counter(str(verdict) for _, _, verdict in self.made))

    def judge(self, place: int, verdict: "Verdict") -> None:
        """Write a verdict on the pair at a place."""
        from warehouse.identity.judgement_table import drafts_of, take_in
        from warehouse.identity.judgements import Origin
        from warehouse.storage.transactions import transaction

        one, other = self.batch.pairs[place].pair
        with existing_vault(self.settings, "review") as con, transaction(con):
            drafts = drafts_of(con, one, other, verdict)
            written = take_in(con, drafts, by=self.who, why=self.note, origin=Origin.REVIEW)
        self.made.append((place, written[0].group_id, verdict))
        self.console.print(f"Kept as {verdict} ({written[0].group_id}).", markup=False)
        self.note = ""

    def undo(self, place: int) -> tuple[int, bool]:
        """Take the last verdict back; returns the place to go on at, and whether it is on the screen already."""
        from warehouse.identity.review.corrections import undo
        from warehouse.storage.transactions import transaction

        if not self.made:
            self.console.print(f"Nothing to undo in this sitting. {_ASK}", markup=False)
            return place, True
        back, group, verdict = self.made[-1]
        with existing_vault(self.settings, "review") as con, transaction(con):
            undo(con, group, by=self.who, why="taken back in the same review")
        self.made.pop()
        self.console.print(f"Taken back: {verdict} ({group}).", markup=False)
        return back, False

    def close(self) -> None:
        """Print what was decided, which judgements contradict each other, and how to publish."""
        from flows.review.screen import so_far
        from warehouse.identity.judgement_table import read_judgements
        from warehouse.identity.judgements import effective

        self.console.print(f"\nDecided: {so_far(self.counts)}.", markup=False)
        if self.made:
            with existing_vault(self.settings, "review") as con:
                everything = read_judgements(con)
            say_contradictions(self.console, contradictions_in_words(effective(everything), everything))
            self.console.print("Every verdict is kept; `godigital run` brings them into a release.", markup=False)


_ASK = "Press s, d, u, n, z, w or q."


@review_app.command("export", epilog="Example:\n\n  godigital review export doubtful.xlsx --country VN --limit 100")
def review_export(
    file: Annotated[Path, typer.Argument(help="Workbook to write (.xlsx).", show_default=False)],
    country: OnlyCountry = None,
    limit: Limit = None,
    unsure: Again = False,
    raw: Raw = None,
    data: Data = None,
) -> None:
    """Write doubtful pairs to a workbook, to be filled in without a terminal. It holds personal data."""
    from flows.review.workbook import write_workbook

    settings = settings_of(raw, data)
    if file.suffix.lower() != ".xlsx":
        fail(f"{file}: the workbook's name must end in .xlsx")
    if not file.parent.is_dir():
        fail(f"{file}: there is no folder {file.parent}")
    batch = read_batch(settings, country, limit, unsure)
    try:
        write_workbook(file, batch.pairs, batch.facts, batch.evidence)
    except OSError as error:
        fail(f"{file}: {error.strerror or type(error).__name__}; choose another folder or mend permissions")
    typer.echo(
        f"{len(batch.pairs)} pairs written to {file}. The file holds personal data: only the officer may have it."
    )
    typer.echo(f'When it is filled in: godigital review import {file} --by "your name"')


@review_app.command("import", epilog='Example:\n\n  godigital review import doubtful.xlsx --by "Siti Aminah"')
def review_import(
    file: Annotated[Path, typer.Argument(help="Workbook that was filled in.", show_default=False)],
    by: Annotated[
        str, typer.Option(help="Who judged, where the workbook's own column says nothing.", show_default=False)
    ],
    raw: Raw = None,
    data: Data = None,
) -> None:
    """Take in the verdicts of a workbook: all of them, or none if one cannot be understood."""
    from flows.readers.delivery import DeliveryError
    from flows.review.workbook import WorkbookError, read_workbook, take_in_verdicts
    from warehouse.identity.judgement_table import read_judgements
    from warehouse.identity.judgements import effective
    from warehouse.storage.transactions import transaction

    settings = settings_of(raw, data)
    try:
        verdicts = read_workbook(file, named(by))
    except (WorkbookError, DeliveryError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{file}: {error.strerror or type(error).__name__}")
    with existing_vault(settings, "review import") as con:
        with transaction(con):
            done = take_in_verdicts(con, verdicts)
        everything = read_judgements(con)
    typer.echo(
        f"{done.taken} verdicts taken in from {file.name}; {done.known} known already, {len(done.gone)} set aside."
    )
    for line in done.gone:
        typer.echo(line)
    for sentence in contradictions_in_words(effective(everything), everything):
        typer.echo(f"! {sentence}")
    if done.taken:
        typer.echo("`godigital run` brings them into a release.")
