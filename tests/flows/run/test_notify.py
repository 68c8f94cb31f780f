"""One message a run, if there is something to say: to a real webhook and a real mail server on loopback."""

import datetime as dt
import json
import socket

import pytest
from aiosmtpd.controller import Controller

from flows.run.notify import message_of, message_of_error, send_notification
from flows.run.result import Failure, RunResult
from flows.settings import Settings
from tests.conftest import copy_partners, make_settings, run
from warehouse.release.releases import PublishError

NOW = dt.datetime(2021, 3, 1, 1, 0, tzinfo=dt.UTC)
FAILED = Failure("VN-TYM", "TYM_082020.csv", "missing_column", "VN-TYM, TYM_082020.csv: a column is missing")


def result(published=None, failures=()):
    return RunResult(published, 3, (), tuple(failures), 0, {})


@pytest.fixture
def hook(httpserver, tmp_path):
    """Settings with the address of a webhook, and the messages that it received."""
    httpserver.expect_request("/hook", method="POST").respond_with_data("ok")
    address = f"json://127.0.0.1:{httpserver.port}/hook"
    settings = Settings(raw=tmp_path / "raw", data=tmp_path / "data", notify=address)
    return settings, lambda: [json.loads(request.data) for request, _ in httpserver.log]


def send(settings, result_of_run, after=dt.timedelta()):
    return send_notification(settings, message_of(result_of_run), NOW + after)


def test_a_publication_sends_a_message_and_a_quiet_run_does_not(hook):
    settings, sent = hook
    assert send(settings, result(published=3)) is None
    assert send(settings, result()) is None
    (message,) = sent()
    assert message["title"] == "go-digital-asean: release 3 published"


def test_a_problem_is_sent_once_again_after_a_week_and_when_it_is_over(hook):
    settings, sent = hook
    problem = result(failures=[FAILED])
    for after in (0, 1, 6, 7, 8):
        send(settings, problem, dt.timedelta(days=after))
    assert len(sent()) == 2
    assert sent()[0]["title"] == "go-digital-asean: nothing new, 1 thing to look at"
    assert "[missing_column] VN-TYM, TYM_082020.csv: a column is missing" in sent()[0]["message"]
    # the end of a problem is a change, too
    send(settings, result(), dt.timedelta(days=9))
    send(settings, result(), dt.timedelta(days=10))
    assert len(sent()) == 3


def test_an_error_that_stops_a_run_is_sent(hook):
    settings, sent = hook
    send_notification(settings, message_of_error(PublishError("release 4 is not published: the disk is full")), NOW)
    assert sent()[0]["title"] == "go-digital-asean: the run failed (PublishError)"
    assert "the disk is full" in sent()[0]["message"]


def test_what_cannot_be_sent_is_a_warning_without_the_address_and_is_tried_again(tmp_path, httpserver):
    httpserver.expect_oneshot_request("/hook").respond_with_data("no", status=500)
    httpserver.expect_request("/hook").respond_with_data("ok")
    address = f"json://robot:geheim@127.0.0.1:{httpserver.port}/hook"
    settings = Settings(raw=tmp_path / "raw", data=tmp_path / "data", notify=address)
    problem = send(settings, result(failures=[FAILED]))
    assert problem is not None
    assert "geheim" not in problem
    assert send(settings, result(failures=[FAILED])) is None
    assert "geheim" not in repr(settings)


def test_an_address_that_is_none_is_named_by_its_place(tmp_path):
    settings = Settings(raw=tmp_path / "raw", data=tmp_path / "data", notify="json://127.0.0.1/x nonsense")
    assert "address 2 of 2" in (send(settings, result(published=3)) or "")


def test_a_message_that_was_sent_and_cannot_be_remembered_fails_nothing(hook, tmp_path):
    settings, sent = hook
    (tmp_path / "data").write_text("a file where a folder should be")
    assert "may come again" in (send(settings, result(published=3)) or "")
    assert len(sent()) == 1


def test_a_real_run_sends_one_mail_with_no_persons_data(tmp_path):
    received = []

    class Keep:
        async def handle_DATA(self, server, session, envelope):  # noqa: N802 - the library's name
            received.append(envelope.content.decode())
            return "250 OK"

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Controller(Keep(), hostname="127.0.0.1", port=port)
    server.start()
    try:
        address = f"mailto://127.0.0.1:{port}?from=robot@example.org&to=team@example.org&mode=insecure"
        settings = make_settings(copy_partners(tmp_path / "raw", "BN/LDC"), tmp_path / "data", notify=address)
        assert run(settings).warnings == ()
        run(settings)
    finally:
        server.stop()
    (mail,) = received
    assert "release 1 published" in mail
    sample = (settings.raw / "BN" / "LDC" / "sample").rglob("*.csv")
    names = {line.split(",")[1].strip() for file in sample for line in file.read_text().splitlines()[1:] if "," in line}
    assert [name for name in names if len(name) > 5 and name in mail] == []
