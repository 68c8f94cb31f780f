"""Compares a pull with the pull before: holds back files that shrank, reports files that disappeared."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flows.sources.landed import (
    Pulled,
)
from flows.sources.protocol import printable
from schemas.partner import Provider
from warehouse.vault.landed import FileState


@dataclass(frozen=True)
class Compared:
    """Pulls compared with the pulls before: what may be loaded, what is held back, sentences to report."""

    pulls: tuple[Pulled, ...]
    held: tuple[tuple[str, str], ...]
    notices: tuple[str, ...]


def compare_with_before(
    pulls: Iterable[Pulled], known: Mapping[tuple[str, str], Sequence[FileState]], partners: Sequence[Provider]
) -> Compared:
    """Hold back files that shrank, and report files that disappeared.

    A cumulative file or a form that lost more than `access.shrink_max` of what it had is kept out until it is whole
    again or the contract allows it: (partner_id, sentence) in `held`. A file that is gone stays in force.
    """
    providers = {partner.partner_id: partner for partner in partners}
    kept, held, notices = [], [], []
    for pulled in pulls:
        before = {item.name: item for item in known.get((pulled.partner_id, pulled.source), ())}
        provider = providers[pulled.partner_id]
        watched = pulled.is_form or provider.kind == "cumulative"
        shrunk = _shrunken(pulled, before, provider.contract.access.shrink_max) if watched else {}
        held += [(pulled.partner_id, f"{pulled.partner_id}: {pulled.source}: {text}") for text in shrunk.values()]
        notices += [*pulled.notices, *_vanished(pulled, before)]
        kept.append(_without(pulled, shrunk, before))
    return Compared(tuple(kept), tuple(held), tuple(notices))


def _shrunken(pulled: Pulled, before: Mapping[str, FileState], allowed: float) -> dict[str, str]:
    """Return name -> sentence for whatever lost more than the allowed share."""
    found = {}
    for now in pulled.seen:
        # a form has one entry, under any folder name
        then = next(iter(before.values()), None) if pulled.is_form else before.get(now.name)
        if then is not None and now.size < (1 - allowed) * then.size:
            what = "submissions" if pulled.is_form else "bytes"
            found[now.name] = (
                f"{printable(now.name)} had {then.size:,} {what} and has {now.size:,}; it is held back and the earlier "
                "version stays in force: ask the partner; if the file is right, raise access.shrink_max in the contract"
            )
    return found


def _vanished(pulled: Pulled, before: Mapping[str, FileState]) -> list[str]:
    gone = sorted(set(before) - {item.name for item in pulled.seen})
    if not gone or pulled.is_form or not pulled.keeps_files:
        return []
    named = ", ".join(printable(name) for name in gone[:3]) + (" ..." if len(gone) > 3 else "")
    return [
        f"{pulled.partner_id}: {pulled.source}: {len(gone)} file(s) are no longer there ({named}); what was landed "
        "from them still counts"
    ]


def _without(pulled: Pulled, shrunk: Mapping[str, str], before: Mapping[str, FileState]) -> Pulled:
    if not shrunk:
        return pulled
    if pulled.is_form:
        return Pulled(pulled.partner_id, pulled.source, (), tuple(before.values()), is_form=True)
    return Pulled(
        pulled.partner_id,
        pulled.source,
        tuple(row for row in pulled.landed if row.file_name not in shrunk),
        # keep the earlier state of files that are held back, so that the warning repeats until it is resolved
        tuple(before[item.name] if item.name in shrunk else item for item in pulled.seen),
    )
