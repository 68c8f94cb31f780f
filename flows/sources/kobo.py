"""A form on a KoboToolbox server (`kobo://host/asset_uid`): its complete state as pages, read each time.

An edit keeps `_id` and changes `_uuid`, and a deleted submission disappears: only the complete state is reliable.
The same state gives the same bytes. Endpoint: GET /api/v2/assets/{uid}/data/.
"""

import json
from typing import Any
from urllib.parse import urlencode, urlsplit

from flows.sources.form_state import name_state
from flows.sources.http_client import WebClient, same_server, server_of
from flows.sources.protocol import Form, RemoteFile, SourceConfig

# the most that the server returns at once since March 2026
PAGE_SIZE = 1000

Submission = dict[str, Any]


class KoboSource:
    """All submissions of one form."""

    keeps_files = False

    def __init__(self, config: SourceConfig):
        self.form: Form | None = None
        self.notices: tuple[str, ...] = ()
        self._config = config
        self._asset = urlsplit(config.url).path.strip("/")
        if not self._asset or "/" in self._asset:
            raise config.fail("is no form; write kobo://host/asset_uid")
        self._server = server_of(config)
        token = config.needed("token").get_secret_value()
        self._web = WebClient(config, {"Authorization": f"Token {token}", "Accept": "application/json"})

    def list_files(self) -> list[RemoteFile]:
        """Return the state as pages, sorted by `_id`."""
        submissions = self._read_all()
        uuids = [item["_uuid"] for item in submissions if item.get("_uuid")]
        twice = len(uuids) - len(set(uuids))
        if twice:
            self.notices = (f"{self._config.shown}: {twice} submission(s) were sent twice, under the same _uuid",)
        self.form, remote_files = name_state(self._config, canonical_pages(submissions), len(submissions))
        return remote_files

    def encrypts(self, name: str) -> bool:
        """Return False: the source states no MD5."""
        return False

    def close(self) -> None:
        """Close the connection."""
        self._web.close()

    def _read_all(self) -> list[Submission]:
        # new submissions come last in this order, so that a page does not move while the form grows
        query = urlencode({"format": "json", "limit": PAGE_SIZE, "start": 0, "sort": '{"_id":1}'})
        address: str | None = f"{self._server}/api/v2/assets/{self._asset}/data/?{query}"
        found: dict[int, Submission] = {}
        counts: list[int] = []
        asked: set[str] = set()
        while address is not None:
            if address in asked:
                raise self._config.fail("its pages lead back to each other; ask whoever runs the server")
            asked.add(address)
            count, following, results = self._page(address)
            counts.append(count)
            for item in results:
                found[item["_id"]] = item
            address = None if following is None else same_server(self._config, self._server, following)
        if counts != sorted(counts) or len(found) != counts[-1]:
            # a deletion moves all that follows by one: a submission may have slipped between two pages
            raise self._config.changed(
                f"counted {counts[0]:,} to {counts[-1]:,} submissions and gave {len(found):,}; the form changed while "
                "it was read"
            )
        return [found[number] for number in sorted(found)]

    def _page(self, address: str) -> tuple[int, str | None, list[Submission]]:
        page = self._web.get_json(address)
        if not isinstance(page, dict) or not {"count", "next", "results"} <= set(page):
            raise self._config.fail("answered without count, next and results; is this a KoboToolbox server?")
        count, following, results = page["count"], page["next"], page["results"]
        readable = isinstance(count, int) and isinstance(results, list) and isinstance(following, str | None)
        if not readable or not all(isinstance(item, dict) and isinstance(item.get("_id"), int) for item in results):
            raise self._config.fail("answered with submissions that have no _id; is this a KoboToolbox server?")
        return count, following, results


def canonical_pages(submissions: list[Submission]) -> dict[str, bytes]:
    """Return name -> JSON of the pages of a form; without media, because their addresses change."""
    kept = [{key: value for key, value in item.items() if key != "_attachments"} for item in submissions]
    parts = [kept[start : start + PAGE_SIZE] for start in range(0, len(kept), PAGE_SIZE)] or [[]]
    names = [f"page_{number:05d}.json" for number in range(1, len(parts) + 1)]
    return {
        name: json.dumps(
            {
                "count": len(kept),
                "next": names[at + 1] if at + 1 < len(names) else None,
                "previous": names[at - 1] if at else None,
                "results": part,
            },
            ensure_ascii=False,
            sort_keys=True,
            separators=(",", ":"),
        ).encode()
        for at, (name, part) in enumerate(zip(names, parts, strict=True))
    }
