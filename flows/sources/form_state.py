"""Names the complete state of a form: an unchanged form keeps its folder, a changed form gets a new one."""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Mapping

from flows.sources.protocol import Form, RemoteFile, SourceConfig, today


def name_state(config: SourceConfig, pages: Mapping[str, bytes], submissions: int) -> tuple[Form, list[RemoteFile]]:
    """Return the state as one folder of files.

    An unchanged form keeps the folder it had; any other gets a new one, even where it returns to an earlier state:
    its name depends on the content and on the state before. The month in it is that of the first sight.

    Args:
        config: Where it is from; `known` holds the form as it was.
        pages: Name -> bytes, the same for the same state.
        submissions: How many the form holds.
    """
    digest = hashlib.sha256()
    for name, data in sorted(pages.items()):
        digest.update(f"{name} {len(data)}\n".encode())
        digest.update(data)
    version = digest.hexdigest()
    before = next(iter(config.known.values()), None)
    day = today()
    if before is not None and before.version == version:
        folder, day = before.name, before.date_received
    else:
        chained = hashlib.sha256(f"{version} {before.name if before else ''}".encode()).hexdigest()
        folder = f"snapshot_{day:%Y%m}_{chained[:12]}"
    remote_files = [_file(f"{folder}/{name}", data, day) for name, data in sorted(pages.items())]
    return Form(folder, version, submissions), remote_files


def _file(name: str, data: bytes, day: dt.date) -> RemoteFile:
    fetch: Callable[[], Iterable[bytes]] = lambda: (data,)  # noqa: E731 - one value, one line
    return RemoteFile(name=name, size=len(data), version=None, received=day, fetch=fetch)
