"""A form on ODK Central (`odk://host/project/form`): its complete state as the CSV files that Central exports.

Submissions come as OData with their repeats in them; each group of repeats becomes a file of its own, joined by
PARENT_KEY. Each submission has its ReviewState, because Central also returns rejected submissions.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from flows.sources.form_state import name_state
from flows.sources.http_client import WebClient, same_server, server_of
from flows.sources.protocol import Form, RemoteFile, SourceConfig

PAGE_SIZE = 1000
KEY, PARENT_KEY = "KEY", "PARENT_KEY"
# Central's facts about a submission; who sent it is not read
_SYSTEM = {
    "SubmissionDate": "submissionDate",
    "ReviewState": "reviewState",
    "Edits": "edits",
    "FormVersion": "formVersion",
}
_NOT_A_QUESTION = ("structure", "repeat", "binary")


@dataclass
class _Table:
    """Rows of the form itself (path ()), or of one group of repeats."""

    path: tuple[str, ...]
    columns: list[tuple[str, ...]] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)

    @property
    def header(self) -> list[str]:
        """Column names as Central's own export has them; the media of a form are left out."""
        names = ["-".join(path[len(self.path) :]) for path in self.columns]
        return [*_SYSTEM, *names, KEY] if not self.path else [*names, PARENT_KEY, KEY]


class OdkSource:
    """All submissions of one form."""

    keeps_files = False

    def __init__(self, config: SourceConfig):
        self.form: Form | None = None
        self.notices: tuple[str, ...] = ()
        self._config = config
        parts = urlsplit(config.url).path.strip("/").split("/")
        if len(parts) != 2 or not parts[0].isdigit() or not parts[1]:
            raise config.fail("is no form; write odk://host/project number/form id")
        self._server = server_of(config)
        self._form_id = parts[1]
        self._root = f"{self._server}/v1/projects/{parts[0]}/forms/{quote(self._form_id, safe='%')}"
        self._web = WebClient(config, {"Authorization": f"Bearer {self._token()}", "Accept": "application/json"})

    def _token(self) -> str:
        token = self._config.secret("token")
        if token is not None:
            return token.get_secret_value()
        user, password = self._config.needed("user"), self._config.needed("password")
        web = WebClient(self._config, {})
        try:
            answer = web.post_json(
                f"{self._server}/v1/sessions",
                {"email": user.get_secret_value(), "password": password.get_secret_value()},
            )
        finally:
            web.close()
        if not isinstance(answer, dict) or not isinstance(answer.get("token"), str):
            raise self._config.fail("gave no session; is this an ODK Central server?")
        return str(answer["token"])

    def list_files(self) -> list[RemoteFile]:
        """Return the state as CSV files: `<form>.csv`, and `<form>-<repeat>.csv` for each group of repeats."""
        tables = self._tables()
        submissions = self._read_all()
        for item in submissions:
            _take(tables, tables[()], item, None)
        stem = urlsplit(self._config.url).path.rpartition("/")[2]
        files = {
            "-".join([stem, *table.path[-1:]]) + ".csv": _csv(table) for table in sorted(tables.values(), key=_path_of)
        }
        if len(files) != len(tables):
            raise self._config.fail("has two groups of repeats of one name; rename one of them in the form")
        self.form, remote_files = name_state(self._config, files, len(submissions))
        return remote_files

    def encrypts(self, name: str) -> bool:
        """Return False: the source states no MD5."""
        return False

    def close(self) -> None:
        """Close the connection."""
        self._web.close()

    def _tables(self) -> dict[tuple[str, ...], _Table]:
        """Return the tables of the form as its own list of fields has them, so that unanswered questions are there."""
        fields = self._web.get_json(f"{self._root}/fields?odata=true")
        if not isinstance(fields, list) or not all(isinstance(item, dict) for item in fields):
            raise self._config.fail("answered without the fields of the form; is this an ODK Central server?")
        named = [(tuple(str(item["path"]).strip("/").split("/")), str(item["type"])) for item in fields]
        repeats = [path for path, kind in named if kind == "repeat"]
        tables = {path: _Table(path) for path in [(), *repeats]}
        for path, kind in named:
            if kind not in _NOT_A_QUESTION:
                inside = [repeat for repeat in repeats if path[: len(repeat)] == repeat]
                tables[max(inside, key=len, default=())].columns.append(path)
        return tables

    def _read_all(self) -> list[dict[str, Any]]:
        query = urlencode({"$top": PAGE_SIZE, "$count": "true", "$expand": "*"})
        address: str | None = f"{self._root}.svc/Submissions?{query}"
        found: dict[str, dict[str, Any]] = {}
        counts: list[int] = []
        read = 0
        asked: set[str] = set()
        while address is not None:
            if address in asked:
                raise self._config.fail("its pages lead back to each other; ask whoever runs the server")
            asked.add(address)
            page = self._web.get_json(address)
            if not isinstance(page, dict) or not isinstance(page.get("value"), list):
                raise self._config.fail("answered without submissions; is this an ODK Central server?")
            for item in page["value"]:
                found[self._key(item)] = item
            counts.append(int(page.get("@odata.count", len(found))))
            read += len(page["value"])
            following = page.get("@odata.nextLink")
            if following is not None:
                address = same_server(self._config, self._server, str(following))
            elif page["value"] and read < counts[-1]:
                # an older server cuts off at $top and says nothing of a next page
                address = f"{self._root}.svc/Submissions?{query}&{urlencode({'$skip': read})}"
            else:
                address = None
        if not min(counts) <= len(found) <= max(counts):
            raise self._config.changed(
                f"counted {counts[0]:,} to {counts[-1]:,} submissions and gave {len(found):,}; the form changed while "
                "it was read"
            )
        return [found[key] for key in sorted(found)]

    def _key(self, item: Any) -> str:
        if not isinstance(item, dict) or "__id" not in item:
            raise self._config.fail("answered with submissions that have no __id; is this an ODK Central server?")
        if (item.get("__system") or {}).get("status") == "notDecrypted":
            raise self._config.fail("holds encrypted submissions, which cannot be read here; export them instead")
        return str(item["__id"])


def _path_of(table: _Table) -> tuple[str, ...]:
    return table.path


def _take(tables: dict[tuple[str, ...], _Table], table: _Table, item: dict[str, Any], parent: str | None) -> None:
    """Add one submission, or one repetition within it, and all repetitions in it."""
    key = str(item["__id"])
    values = [_text(_at(item, path[len(table.path) :])) for path in table.columns]
    system = item.get("__system") or {}
    if parent is None:
        table.rows.append([*(_text(system.get(name)) for name in _SYSTEM.values()), *values, key])
    else:
        table.rows.append([*values, parent, key])
    for inner in tables.values():
        if len(inner.path) > len(table.path) and inner.path[: len(table.path)] == table.path:
            for repetition in _repetitions(item, inner.path[len(table.path) :]):
                _take(tables, inner, repetition, key)


def _at(item: Any, path: Sequence[str]) -> Any:
    for name in path:
        if not isinstance(item, dict):
            return None
        item = item.get(name)
    return item


def _repetitions(item: dict[str, Any], path: Sequence[str]) -> Iterator[dict[str, Any]]:
    found = _at(item, path)
    # within another group of repeats it is that one's turn to look
    if isinstance(found, list):
        yield from (each for each in found if isinstance(each, dict) and "__id" in each)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        # a place on the map: longitude and latitude as GeoJSON
        return " ".join(_text(part) for part in value.get("coordinates", ()) if not isinstance(part, list))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _csv(table: _Table) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(table.header)
    writer.writerows(table.rows)
    return stream.getvalue().encode()
