"""One file behind a web link: a CSV that Google Sheets publishes, a share link of OneDrive or SharePoint, any file.

An expired link answers with a web page: its type and first bytes show it, and the page is not landed.
"""

import datetime as dt
import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import httpx

from flows.sources.http_client import WebClient
from flows.sources.protocol import Form, RemoteFile, SourceConfig, today
from warehouse.vault.landed import FileState

_ANY = ("application/octet-stream", "binary/octet-stream")
_WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# what servers call a file of each format; a spreadsheet program's type is widely given to CSV
_TYPES = {
    "csv": (
        *_ANY,
        "text/csv",
        "text/plain",
        "text/tab-separated-values",
        "application/csv",
        "application/vnd.ms-excel",
    ),
    "csv_pair": (),
    "xlsx": (*_ANY, _WORKBOOK, "application/zip"),
    "kobo_json": (*_ANY, "application/json", "text/plain"),
}
_PAGE = re.compile(rb"\s*(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head|script)", re.IGNORECASE | re.DOTALL)
_PAGE_ADVICE = (
    "answered with a web page, not with a file: the link asks for a login, has expired, or leads to a preview. "
    "Publish the sheet as CSV, or share the file so that the link alone is enough"
)


class HttpsSource:
    """One file, requested once; it is not downloaded if the server says that it has not changed."""

    form: Form | None = None
    keeps_files = False

    def __init__(self, config: SourceConfig):
        self.notices: tuple[str, ...] = ()
        self._config = config
        headers, auth = self._credentials()
        if not _TYPES[config.wanted]:
            raise config.fail(f"a link is one file, and the format {config.wanted} needs several; use a folder")
        self._web = WebClient(config, headers, auth)
        self._url = download_link(config.url)

    def _credentials(self) -> tuple[dict[str, str], tuple[str, str] | None]:
        token, user, password = (self._config.secret(role) for role in ("token", "user", "password"))
        headers = {} if token is None else {"Authorization": f"Bearer {token.get_secret_value()}"}
        if user is None or password is None:
            return headers, None
        return headers, (user.get_secret_value(), password.get_secret_value())

    def list_files(self) -> list[RemoteFile]:
        """Return the file, downloaded; or its known state, if the server says that it has not changed."""
        return [self._config.retry.call(self._ask)]

    def encrypts(self, name: str) -> bool:
        """Return False: the source states no MD5."""
        return False

    def close(self) -> None:
        """Close the connection."""
        self._web.close()

    def _ask(self) -> RemoteFile:
        known = next(iter(self._config.known.values()), None)
        with self._web.get(self._url, _conditions(known)) as response:
            if response.status_code == HTTPStatus.NOT_MODIFIED and known is not None:
                return RemoteFile(known.name, known.size, known.version, known.date_received, self._again)
            self._check_type(response)
            chunks = list(self._web.chunks(response))
            self._check_body(response, chunks)
            return RemoteFile(
                name=_name(response, self._url),
                size=sum(map(len, chunks)),
                version=_version(response),
                received=_day(response),
                fetch=lambda: iter(chunks),
            )

    def _again(self) -> Iterator[bytes]:
        """Fetch an unchanged file again, because its landed copy is gone."""
        with self._web.get(self._url) as response:
            self._check_type(response)
            yield from self._web.chunks(response)

    def _check_type(self, response: httpx.Response) -> None:
        said = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if said in ("text/html", "application/xhtml+xml"):
            raise self._config.fail(_PAGE_ADVICE)
        if said and said not in _TYPES[self._config.wanted]:
            raise self._config.fail(f"answered with {said[:60]}, which is no {self._config.wanted}; correct the link")
        announced = response.headers.get("Content-Length", "")
        if announced.isdigit():
            self._config.check_size(int(announced), "the file")

    def _check_body(self, response: httpx.Response, chunks: list[bytes]) -> None:
        if _PAGE.match(b"".join(chunks[:1])[:2000]):
            raise self._config.fail(_PAGE_ADVICE)
        announced = response.headers.get("Content-Length", "")
        size = sum(map(len, chunks))
        if announced.isdigit() and "Content-Encoding" not in response.headers and int(announced) != size:
            raise self._config.fail(f"announced {announced} bytes, sent {size}", transient=True)
        if size == 0:
            raise self._config.fail("the file is empty; ask the partner")


def _conditions(known: FileState | None) -> dict[str, str]:
    if known is None or known.version is None:
        return {}
    kind, _, value = known.version.partition(" ")
    return {"If-None-Match": value} if kind == "etag" else {"If-Modified-Since": value}


def _version(response: httpx.Response) -> str | None:
    if tag := response.headers.get("ETag"):
        return f"etag {tag}"
    modified = response.headers.get("Last-Modified")
    return f"modified {modified}" if modified else None


def _day(response: httpx.Response) -> dt.date:
    try:
        return parsedate_to_datetime(response.headers.get("Last-Modified", "")).astimezone(dt.UTC).date()
    except ValueError:
        return today()


def _name(response: httpx.Response, url: str) -> str:
    """Return the file name that the server states (RFC 6266), else the last part of the address."""
    disposition = response.headers.get("Content-Disposition", "")
    if found := re.search(r"filename\*\s*=\s*utf-8'[^']*'([^;]+)", disposition, re.IGNORECASE):
        name = unquote(found.group(1).strip())
    elif found := re.search(r'filename\s*=\s*"([^"]+)"', disposition) or re.search(
        r"filename\s*=\s*([^;\s]+)", disposition
    ):
        name = found.group(1)
    else:
        name = unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2])
    # a name, never a path
    return re.split(r"[/\\]", name)[-1].strip() or "file"


def download_link(url: str) -> str:
    """Return the address of the file itself for links that lead to a preview page."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    host = parts.hostname or ""
    if host.endswith((".sharepoint.com", ".1drv.ms")) or host in ("1drv.ms", "onedrive.live.com"):
        query = [*(item for item in query if item[0] not in ("web", "download")), ("download", "1")]
        return urlunsplit(parts._replace(query=urlencode(query)))
    if host == "docs.google.com" and (found := re.match(r"(/spreadsheets/d/(?!e/)[^/]+)/(?:edit|view)", parts.path)):
        sheet = dict(query).get("gid") or (re.findall(r"gid=(\d+)", parts.fragment) or ["0"])[0]
        return f"https://docs.google.com{found.group(1)}/export?format=csv&gid={sheet}"
    return url
