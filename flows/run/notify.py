"""Sends a message about a run by e-mail, webhook or another service that apprise knows.

A message is sent when a release is published, when the set of problems has changed since the last message, and again
after some days if it has not. It holds counts, codes and sentences about deliveries, never a person's data.
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
# a message lists this many lines under one heading, and counts the rest
_LISTED = 20


@dataclass(frozen=True)
class Message:
    """A message about a run; `problems` is a hash of the set of problems, empty if there are none."""

    title: str
    body: str
    problems: str
    is_news: bool


def message_of(result: "RunResult") -> Message:
    """Return the message about a run that ended."""
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
    """Return the message about a run that an error stopped; errors of a run name no person."""
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


def send_notification(settings: Settings, message: Message, now: dt.datetime | None = None) -> str | None:
    """Send a message if the settings name an address and it says something new; returns a warning if that failed.

    A message that cannot be sent never fails a run; the next run tries again.
    """
    addresses = (settings.notify or "").split()
    at = now or dt.datetime.now(dt.UTC)
    if not addresses or not _is_due(settings, message, at):
        return None
    import apprise

    sender = apprise.Apprise()
    # an address holds secrets: the warning gives its position only
    unknown = [position for position, address in enumerate(addresses, 1) if not sender.add(address)]
    if unknown:
        positions = ", ".join(map(str, unknown))
        return f"GODIGITAL_NOTIFY: apprise does not know address {positions} of {len(addresses)}; nothing was sent"
    if not sender.notify(title=message.title, body=message.body, body_format=apprise.NotifyFormat.TEXT):
        return "GODIGITAL_NOTIFY: the message could not be sent to every address; the next run tries again"
    try:
        _remember(settings, message, at)
    except OSError as error:
        return f"{error.filename or settings.data}: cannot be written; the message was sent and may come again"
    return None


def _is_due(settings: Settings, message: Message, at: dt.datetime) -> bool:
    if message.is_news:
        return True
    try:
        last = json.loads(_last_file(settings).read_text(encoding="utf-8"))
        before, since = str(last["problems"]), dt.datetime.fromisoformat(last["at"])
    except (OSError, ValueError, KeyError, TypeError):
        # no last message, or its file is damaged: better once too often
        return bool(message.problems)
    if message.problems != before:
        return True
    return bool(message.problems) and at - since >= dt.timedelta(days=settings.notify_again_days)


def _remember(settings: Settings, message: Message, at: dt.datetime) -> None:
    files.private_folder(DataFolder(settings.data).private)
    content = {"problems": message.problems, "at": at.isoformat()}
    files.write_durably(_last_file(settings), json.dumps(content).encode())


def _last_file(settings: Settings) -> Path:
    return DataFolder(settings.data).private / "last_notification.json"
