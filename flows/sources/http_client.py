"""Asks web servers: one client for links, KoboToolbox and ODK Central, with their faults told apart.

What is transient is marked so, and asked for again where the answer is JSON; `Retry-After` is honoured within the
source's time limit, and no error repeats an address with its query or what a server answered.
"""

import datetime as dt
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx

from flows.sources.errors import PullError
from flows.sources.protocol import SourceConfig, is_loopback

_CONNECT_SECONDS = 20.0
_READ_SECONDS = 60.0
_PASSES = frozenset((HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS))
_AGENT = "go-digital-asean"


class WebClient:
    """An HTTP client for one source, for one pull."""

    def __init__(
        self, config: SourceConfig, headers: Mapping[str, str], auth: httpx.Auth | tuple[str, str] | None = None
    ):
        # its log shows whole addresses, and a link can be a secret
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._config = config
        self._client = httpx.Client(
            headers={"User-Agent": _AGENT, "Accept-Encoding": "identity", **headers},
            auth=auth,
            follow_redirects=True,
            max_redirects=8,
            trust_env=True,
            event_hooks={"request": [self._refuse_open]},
        )

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _refuse_open(self, request: httpx.Request) -> None:
        """Reject plain-HTTP requests to any host but this machine, redirects included."""
        if request.url.scheme != "https" and not is_loopback(request.url.host):
            raise self._config.fail(
                "its connection is not encrypted; write https://, or ask the partner for a new link"
            )

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[httpx.Response]:
        """Return the answer to one try, its body not yet read; status 200 or 304.

        Raises:
            PullError: any other answer, or none.
        """
        left = self._config.seconds_left
        timeout = httpx.Timeout(min(_READ_SECONDS, left), connect=min(_CONNECT_SECONDS, left))
        try:
            with self._client.stream("GET", url, headers=headers, timeout=timeout) as response:
                self._check(response)
                yield response
        except httpx.HTTPError as error:
            raise self._no_answer(error) from None
        except httpx.InvalidURL:
            raise self._config.fail("is no address that can be read; correct it") from None

    def get_json(self, url: str) -> Any:
        """Return the JSON at an address, tried again where that can help.

        Raises:
            PullError: it cannot be had, is larger than the source's limit, or no JSON.
        """
        return self._config.retry.call(lambda: self._get_json(url))

    def _get_json(self, url: str) -> Any:
        with self.get(url) as response:
            body = b"".join(self.chunks(response))
        return self._parsed(body)

    def post_json(self, url: str, content: Mapping[str, str]) -> Any:
        """Return the JSON that a server answers to `content`; raises PullError as `get_json` does."""

        def post() -> Any:
            try:
                response = self._client.post(
                    url, json=dict(content), timeout=min(_READ_SECONDS, self._config.seconds_left)
                )
            except httpx.HTTPError as error:
                raise self._no_answer(error) from None
            self._check(response)
            return self._parsed(response.content)

        return self._config.retry.call(post)

    def chunks(self, response: httpx.Response) -> Iterator[bytes]:
        """Return the body in pieces, within the limits of size and time; raises PullError."""
        size = 0
        for chunk in response.iter_bytes(1 << 16):
            size += len(chunk)
            self._config.check_size(size, "the answer")
            if self._config.retry.is_over:
                raise self._config.fail("was not read within the time limit; raise access.time_limit")
            yield chunk

    def _parsed(self, body: bytes) -> Any:
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise self._config.fail(
                "answered with something that is no JSON, perhaps a login page; check host and token"
            ) from None

    def _check(self, response: httpx.Response) -> None:
        status = response.status_code
        if status in (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NOT_MODIFIED):
            return
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise self._config.fail(f"access was refused ({status}); check token, user and password under `access`")
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            raise self._config.fail(f"is not there ({status}); correct `source`, or ask the partner for a new link")
        if status in _PASSES or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise self._config.fail(
                f"answered {status}", transient=True, retry_after=_seconds(response.headers.get("Retry-After"))
            )
        raise self._config.fail(f"answered {status}; check `source` in the contract")

    def _no_answer(self, error: httpx.HTTPError) -> PullError:
        kind = type(error).__name__
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return self._config.fail("its certificate is not valid; nothing was sent. Ask whoever runs the server")
        if isinstance(error, httpx.RemoteProtocolError):
            return self._config.fail("the answer broke off", transient=True)
        return self._config.fail(f"cannot be reached ({kind})", transient=isinstance(error, httpx.TransportError))


def _seconds(retry_after: str | None) -> float | None:
    """Return how long a server asks to wait; it says seconds or a time (RFC 9110, 10.2.3)."""
    if retry_after is None:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        when = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (when - dt.datetime.now(dt.UTC)).total_seconds())


def server_of(config: SourceConfig) -> str:
    """Return scheme and host of a form's server: encrypted, but on this machine.

    Raises:
        PullError: the source names no host.
    """
    parts = urlsplit(config.url)
    if not parts.hostname:
        raise config.fail("names no host; correct `source` in the contract")
    return f"{'http' if is_loopback(parts.hostname) else 'https'}://{parts.netloc.rpartition('@')[2]}"


def same_server(config: SourceConfig, server: str, following: str) -> str:
    """Return the address of the next page, on the server that was asked; another one never gets the token.

    Raises:
        PullError: the next page is elsewhere.
    """
    parts = urlsplit(following)
    if parts.hostname != urlsplit(server).hostname:
        raise config.fail("its next page is on another server; nothing was sent there. Correct the host in `source`")
    return f"{server}{parts.path}?{parts.query}"
