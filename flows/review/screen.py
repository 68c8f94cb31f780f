"""What an officer sees of a pair: both records side by side, the evidence, and what a decision would change."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from warehouse.identity.linkage.comparison import NULL_LEVEL
from warehouse.identity.review.doubtful_pairs import DoubtfulPair, PairEvidence, RecordFacts, differing

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

# bits of a bar's whole length, and its characters
_BAR_BITS, _BAR = 16.0, 8
KEYS = "s same  d different  u unsure  n skip  z undo  w note  q quit"


def bar(bits: float) -> str:
    """Return a bar of at most 8 characters: to the right of | for evidence for, to the left against."""
    length = min(_BAR, round(abs(bits) / _BAR_BITS * _BAR))
    against, supporting = ("<" * length, "") if bits < 0 else ("", ">" * length)
    return f"{against:>{_BAR}}|{supporting:<{_BAR}}"


def records_table(one: RecordFacts, other: RecordFacts) -> "Table":
    """Return both records side by side; a differing field is marked with a sign, not only by colour."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    odd = differing(one, other)
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False)
    table.add_column("", ratio=4, style="dim")
    table.add_column("A", ratio=9, overflow="fold")
    table.add_column("", width=1)
    table.add_column("B", ratio=9, overflow="fold")
    for (label, here), (_, there) in zip(one.fields, other.fields, strict=True):
        if here == there == "-":
            continue
        style = "bold yellow" if label in odd else ""
        table.add_row(label, Text(here, style), Text("≠" if label in odd else "", style), Text(there, style))
    for label, name in (("record", "record_id"), ("trainee", "trainee_id")):
        table.add_row(
            label, getattr(one, name)[:12] + _likes(one, name), "", getattr(other, name)[:12] + _likes(other, name)
        )
    return table


def _likes(record: RecordFacts, name: str) -> str:
    if name != "record_id" or record.alike == 0:
        return ""
    return f" (and {record.alike} alike in everything)"


def evidence_table(evidence: PairEvidence) -> "Table":
    """Return a line for each comparison with its level in words, bits and a bar; then prior, total, probability."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("comparison")
    table.add_column("what is found", overflow="fold")
    table.add_column("bits", justify="right", no_wrap=True)
    table.add_column("against | for", justify="center", no_wrap=True)
    table.add_row(
        "before comparing", "any pair that shares a key", f"{evidence.prior_weight:+.1f}", bar(evidence.prior_weight)
    )
    silent = [reason.comparison.replace("_", " ") for reason in evidence.reasons if reason.level == NULL_LEVEL]
    for reason in evidence.reasons:
        if reason.level == NULL_LEVEL:
            continue
        bits = "" if reason.match_weight == 0 else f"{reason.match_weight:+.1f}"
        table.add_row(reason.comparison.replace("_", " "), reason.level, bits, bar(reason.match_weight) if bits else "")
    if silent:
        table.add_row("not stated", ", ".join(silent), "", "")
    table.add_section()
    said = f"one person with a probability of {evidence.probability:.0%}, by the model"
    table.add_row("total", said, f"{evidence.weight:+.1f}", bar(evidence.weight))
    return table


def state_of(pair: DoubtfulPair) -> str:
    """Return in a sentence how the pair is counted today, and how likely it is one person."""
    counted = {
        "bridge": "Counted as one person today; this is the strongest link between the two sides.",
        "between": "Counted as two people today.",
        "household": "Counted as two people of one household today: quite another name on one phone.",
    }[pair.kind]
    return f"{counted} As a pair on which the count hangs: {pair.likely:.0%} likely one person."


def changes_of(pair: DoubtfulPair) -> str:
    """Return what each verdict changes in the published count."""
    same, different = pair.changes
    return f"In the published count, same changes {same}; different changes {different}."


def show_pair(
    console: "Console",
    place: str,
    pair: DoubtfulPair,
    facts: "dict[str, RecordFacts]",
    evidence: PairEvidence | None,
    note: str,
) -> None:
    """Print one pair with everything that it is judged by."""
    parts: list[RenderableType] = [records_table(facts[pair.pair[0]], facts[pair.pair[1]])]
    if evidence is not None:
        parts.append(evidence_table(evidence))
    console.rule(place, align="left")
    for part in parts:
        console.print(part)
    console.print(state_of(pair), highlight=False)
    console.print(changes_of(pair), highlight=False)
    if note:
        console.print(f"Note: {note}", highlight=False, markup=False)
    console.print(KEYS, style="bold", highlight=False)


def so_far(counts: "dict[str, int]") -> str:
    """Return what was decided so far, e.g. "2 same, 1 different"."""
    said = [f"{count} {name}" for name, count in counts.items() if count]
    return ", ".join(said) or "nothing decided"


def read_key() -> str:
    """Return one key in lower case from a terminal, or a line's first letter where there is none; q at the end."""
    if not sys.stdin.isatty():
        line = sys.stdin.readline()
        return line.strip().lower()[:1] if line else "q"
    import click

    try:
        key = click.getchar()
    except (KeyboardInterrupt, EOFError):
        return "q"
    return key.lower()[:1]


def read_note() -> str:
    """Return a line that the officer types as the reason; empty at the end of input."""
    sys.stdout.write("Why? ")
    sys.stdout.flush()
    try:
        return sys.stdin.readline().strip()
    except KeyboardInterrupt:
        return ""


def contradiction_lines(lines: Sequence[str], console: "Console") -> None:
    """Print judgements that contradict each other, and what to do."""
    for line in lines:
        console.print(f"! {line}", highlight=False, markup=False, style="bold")
