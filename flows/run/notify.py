"""One message about a run, by e-mail, webhook or whatever apprise speaks, if there is something to say.

A message is sent where something was published, where problems are others than those last told, and again after some
days where they stay. It holds counts, codes and sentences about deliveries, never a person's data.
"""

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flows.settings import Settings
from warehouse.storage import files
from warehouse.storage.data_folder import DataFolder

if TYPE_CHECKING:
    from flows.run.result import RunResult

NAME = "go-digital-asean"
# of one kind in one message; the rest is counted
_LISTED = 20


@dataclass(frozen=True)
class Message:
    """What is told of a run; problems: a hash of what is wrong, the same as long as the same things are."""

    title: str
    body: str
    problems: str
    is_news: bool


def message_of(result: "RunResult") -> Message:
    """Return what there is to tell of a run that came to an end."""
    problems = [f"{item.partner_id} {item.delivery} {item.code}" for item in result.failures]
    problems += [f"{item.partner_id} {item.subject} {item.finding_code}" for item in result.findings]
    what = "nothing new" if result.published is None else f"release {result.published} published"
    if result.current is None:
        what = "nothing published"
    count = len(problems)
    title = f"{NAME}: {what}" + (f", {count} {'thing' if count == 1 else 'things'} to look at" if count else "")
    parts = [f"{result.read} deliveries read; release {result.current} is current."]
    parts += _listed("Failed or held back", [f"[{item.code}] {item.message}" for item in result.failures])
    parts += _listed("To look at", [str(item) for item in result.findings])
    parts += _listed("Warnings", list(result.warnings))
    return Message(title, "\n".join(parts), _hash(problems), result.published is not None)


def message_of_error(error: Exception) -> Message:
    """Return what there is to tell of a run that was stopped; its message names no person."""
    kind = type(error).__name__
    body = f"{error}\nReaders keep the release they have."
    return Message(f"{NAME}: the run failed ({kind})", body, _hash([kind]), is_news=False)


def _listed(heading: str, lines: list[str]) -> list[str]:
    if not lines:
        return []
    more = [f"... and {len(lines) - _LISTED} more; see `godigital status`"] if len(lines) > _LISTED else []
    return ["", f"{heading}:", *(f"- {line}" for line in lines[:_LISTED]), *more]


def _hash(problems: list[str]) -> str:
    return hashlib.sha256("\n".join(sorted(problems)).encode()).hexdigest() if problems else ""


def notify(settings: Settings, message: Message, now: dt.datetime | None = None) -> str | None:
    """Send a message where it is wanted and worth it; returns a sentence where that failed, else None.

    A message that cannot be sent never fails a run; it is tried again with the next.
    """
    addresses = (settings.notify or "").split()
    at = now or dt.datetime.now(dt.UTC)
    if not addresses or not _is_worth_it(settings, message, at):
        return None
    import apprise

    sender = apprise.Apprise()
    # an address holds secrets: it is named by its place
    unknown = [place for place, address in enumerate(addresses, 1) if not sender.add(address)]
    if unknown:
        places = ", ".join(map(str, unknown))
        return f"GODIGITAL_NOTIFY: address {places} of {len(addresses)} is none that apprise knows; nothing was sent"
    if not sender.notify(title=message.title, body=message.body, body_format=apprise.NotifyFormat.TEXT):
        return "GODIGITAL_NOTIFY: the message could not be sent to every address; the next run tries again"
    try:
        _remember(settings, message, at)
    except OSError as error:
        return f"{error.filename or settings.data}: that a message was sent cannot be noted, and it may come again"
    return None


def _is_worth_it(settings: Settings, message: Message, at: dt.datetime) -> bool:
    if message.is_news:
        return True
    try:
        told = json.loads(_told_file(settings).read_text(encoding="utf-8"))
        before, since = str(told["problems"]), dt.datetime.fromisoformat(told["at"])
    except (OSError, ValueError, KeyError, TypeError):
        # never told, or not to be read: better once too often
        return bool(message.problems)
    if message.problems != before:
        return True
    return bool(message.problems) and at - since >= dt.timedelta(days=settings.notify_again_days)


def _remember(settings: Settings, message: Message, at: dt.datetime) -> None:
    files.private_folder(DataFolder(settings.data).private)
    content = {"problems": message.problems, "at": at.isoformat()}
    files.write_durably(_told_file(settings), json.dumps(content).encode())


def _told_file(settings: Settings) -> Path:
    return DataFolder(settings.data).private / "told.json"
