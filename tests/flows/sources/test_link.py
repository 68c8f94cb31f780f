"""A web link is one file: asked for once, known by its ETag, and never a page."""

import threading
import time

import pytest
from werkzeug import Request, Response

from flows.sources.link import download_link
from flows.sources.pull import PullError
from tests.flows.sources.conftest import CANARY, PEOPLE, listening, log_of

CSV = {"Content-Type": "text/csv; charset=utf-8", "Content-Disposition": 'attachment; filename="log 2020.csv"'}


def test_a_link_is_read_once_and_again_only_when_it_changed(bench, httpserver):
    state = {"tag": '"a"', "body": log_of(*PEOPLE[:2])}

    def answer(request: Request) -> Response:
        assert request.authorization.token == CANARY
        if request.headers.get("If-None-Match") == state["tag"]:
            return Response(status=304)
        return Response(state["body"], headers={**CSV, "ETag": state["tag"]})

    httpserver.expect_request("/log").respond_with_handler(answer)
    made = bench(httpserver.url_for("/log"), access={"token": "ONE_TOKEN"})
    assert made.run().published == 1
    assert made.attendances() == 2
    assert made.run().published is None
    assert [response.status_code for _, response in httpserver.log] == [200, 304]

    state |= {"tag": '"b"', "body": log_of(*PEOPLE)}
    assert made.run().published == 2
    assert made.attendances() == 3


def test_a_landed_copy_that_is_gone_is_fetched_again(bench, httpserver):
    def answer(request: Request) -> Response:
        if request.headers.get("If-None-Match") == '"a"':
            return Response(status=304)
        return Response(log_of(*PEOPLE), headers={**CSV, "ETag": '"a"'})

    httpserver.expect_request("/log").respond_with_handler(answer)
    made = bench(httpserver.url_for("/log"))
    made.run()
    (landed,) = made.landed()
    landed.unlink()
    made.run()
    assert made.landed() == [landed]


def test_a_link_that_is_itself_the_secret_is_shown_nowhere(bench, httpserver, monkeypatch):
    httpserver.expect_request(f"/s/{CANARY}").respond_with_data(log_of(*PEOPLE), headers=CSV)
    monkeypatch.setenv("ONE_LINK", httpserver.url_for(f"/s/{CANARY}?key={CANARY}"))
    made = bench(httpserver.url_for("/"), access={"link": "ONE_LINK"})
    made.run()
    assert made.attendances() == 3
    httpserver.clear()
    result = made.run(code=2)
    assert "answered 500" in result.failures[0].message or "is not there" in result.failures[0].message


def test_a_login_page_is_no_file_whatever_it_calls_itself(bench, httpserver):
    page = b"<!DOCTYPE html>\n<html><body>Sign in</body></html>"
    for kind in ("text/html", "text/csv", "application/octet-stream"):
        httpserver.clear()
        httpserver.expect_request("/log").respond_with_data(page, content_type=kind)
        with pytest.raises(PullError, match="web page, not with a file: the link asks for a login") as caught:
            bench(httpserver.url_for("/log")).pull()
        assert not caught.value.transient
        assert len(httpserver.log) == 1


def test_another_kind_of_file_is_named(bench, httpserver):
    httpserver.expect_request("/log").respond_with_data(b"%PDF-1.7", content_type="application/pdf")
    with pytest.raises(PullError, match="answered with application/pdf, which is no csv"):
        bench(httpserver.url_for("/log")).pull()


@pytest.mark.parametrize(("status", "words"), [(404, "is not there"), (401, "access was refused"), (403, "refused")])
def test_what_does_not_pass_by_itself_is_not_tried_again(bench, httpserver, status, words):
    httpserver.expect_request("/log").respond_with_data("no", status=status)
    with pytest.raises(PullError, match=f"BN-ONE: {httpserver.url_for('/log')}: .*{words}"):
        bench(httpserver.url_for("/log")).pull()
    assert len(httpserver.log) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_what_passes_by_itself_is_tried_again(bench, httpserver, status):
    httpserver.expect_ordered_request("/log").respond_with_data("busy", status=status)
    httpserver.expect_ordered_request("/log").respond_with_data("busy", status=status)
    httpserver.expect_ordered_request("/log").respond_with_data(log_of(*PEOPLE), headers=CSV)
    pulled = bench(httpserver.url_for("/log")).pull()
    assert [row.file_name for row in pulled.landed] == ["log 2020.csv"]


def test_it_gives_up_after_the_last_try_and_says_so(bench, httpserver):
    httpserver.expect_request("/log").respond_with_data("busy", status=503)
    with pytest.raises(PullError, match="answered 503 .tried 3 times; the next run tries again") as caught:
        bench(httpserver.url_for("/log")).pull()
    assert not caught.value.transient
    assert len(httpserver.log) == 3


def test_the_time_a_server_asks_for_is_waited(bench, httpserver):
    busy = {"Retry-After": "1"}
    httpserver.expect_ordered_request("/log").respond_with_data("busy", status=429, headers=busy)
    httpserver.expect_ordered_request("/log").respond_with_data(log_of(*PEOPLE), headers=CSV)
    start = time.monotonic()
    bench(httpserver.url_for("/log")).pull()
    assert 1 <= time.monotonic() - start < 10


def test_a_wait_beyond_the_time_limit_is_not_begun(bench, httpserver):
    httpserver.expect_request("/log").respond_with_data("busy", status=429, headers={"Retry-After": "3600"})
    start = time.monotonic()
    with pytest.raises(PullError, match="asks to wait 3600 s, which is beyond the time limit"):
        bench(httpserver.url_for("/log")).pull()
    assert time.monotonic() - start < 5


def test_a_body_that_breaks_off_never_lands(bench):
    cut = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: 1000\r\n\r\n" + log_of(*PEOPLE)
    with listening(cut) as port:
        made = bench(f"http://127.0.0.1:{port}/log.csv")
        with pytest.raises(PullError, match="broke off"):
            made.pull()
    assert made.landed() == []


def test_a_file_beyond_the_contracts_limit_is_refused_before_it_is_read(bench, httpserver):
    httpserver.expect_request("/log").respond_with_data(log_of(*PEOPLE), headers=CSV)
    with pytest.raises(PullError, match="is larger than 50 bytes"):
        bench(httpserver.url_for("/log"), access={"size_limit": 50}).pull()


def test_a_server_that_never_answers_delays_nobody_beyond_its_time_limit(bench, httpserver, tmp_path):
    httpserver.expect_request("/log").respond_with_data(log_of(*PEOPLE), headers=CSV)
    with listening(None) as port:
        made = bench(f"http://127.0.0.1:{port}/log", access={"time_limit": 1})
        other = tmp_path / "raw" / "SG" / "TWO"
        other.mkdir(parents=True)
        text = (made.partner.folder / "partner.yml").read_text()
        text = text.replace(f"http://127.0.0.1:{port}/log", httpserver.url_for("/log"))
        (other / "partner.yml").write_text(text.replace("time_limit: 1", "time_limit: 20"))
        result = made.run(code=2)
    assert result.seconds["pull"] < 6
    assert [failure.partner_id for failure in result.failures] == ["BN-ONE"]
    assert made.attendances() == 3
    assert threading.active_count() < 20


def test_a_variable_that_is_not_set_is_named(bench, httpserver, monkeypatch):
    monkeypatch.delenv("ONE_TOKEN")
    made = bench(httpserver.url_for("/log"), access={"token": "ONE_TOKEN"})
    with pytest.raises(PullError, match="BN-ONE: the environment variable ONE_TOKEN is not set; .* access.token"):
        made.pull()
    assert httpserver.log == []


def test_nothing_is_sent_over_an_open_connection_to_another_machine(bench):
    with pytest.raises(PullError, match="not encrypted; write https://"):
        bench("http://files.example.org/log.csv", access={"token": "ONE_TOKEN"}).pull()


def test_a_redirection_to_an_open_connection_is_not_followed(bench, httpserver):
    httpserver.expect_request("/log").respond_with_data(
        "", status=302, headers={"Location": "http://files.example.org/log.csv"}
    )
    with pytest.raises(PullError, match="its connection is not encrypted"):
        bench(httpserver.url_for("/log"), access={"token": "ONE_TOKEN"}).pull()


def test_a_redirection_to_another_server_is_followed_without_the_token(bench, httpserver):
    elsewhere = httpserver.url_for("/file").replace("localhost", "127.0.0.1")
    httpserver.expect_request("/log").respond_with_data("", status=307, headers={"Location": elsewhere})
    httpserver.expect_request("/file").respond_with_data(log_of(*PEOPLE), headers=CSV)
    assert len(bench(httpserver.url_for("/log"), access={"token": "ONE_TOKEN"}).pull().landed) == 1
    first, second = (request for request, _ in httpserver.log)
    assert "Authorization" in first.headers
    assert "Authorization" not in second.headers


def test_a_shrunken_file_is_held_back_until_the_contract_allows_it(bench, httpserver):
    many = [f"Amostra {n};f;1990-05-03;+67381{n:05d};DL101;2020-08-02" for n in range(40)]
    httpserver.expect_ordered_request("/log").respond_with_data(log_of(*many), headers=CSV)
    httpserver.expect_ordered_request("/log").respond_with_data(log_of(*many[:20]), headers=CSV)
    httpserver.expect_ordered_request("/log").respond_with_data(log_of(*many[:20]), headers=CSV)
    httpserver.expect_ordered_request("/log").respond_with_data(log_of(*many[:20]), headers=CSV)
    made = bench(httpserver.url_for("/log"))
    made.run()
    before = made.attendances()
    for _ in range(2):
        result = made.run(code=2)
        assert [failure.code for failure in result.failures] == ["source_shrank"]
        assert "log 2020.csv had" in result.failures[0].message
        assert "access.shrink_max" in result.failures[0].message
    assert made.attendances() == before == 40
    bench(httpserver.url_for("/log"), access={"shrink_max": 0.6}).run()
    assert made.attendances() == 20


@pytest.mark.parametrize(
    ("shared", "file"),
    [
        (
            "https://tym.sharepoint.com/:x:/s/data/EaBc?e=x1&web=1",
            "https://tym.sharepoint.com/:x:/s/data/EaBc?e=x1&download=1",
        ),
        ("https://1drv.ms/x/s!AbC", "https://1drv.ms/x/s!AbC?download=1"),
        (
            "https://docs.google.com/spreadsheets/d/1AbC/edit#gid=7",
            "https://docs.google.com/spreadsheets/d/1AbC/export?format=csv&gid=7",
        ),
        (
            "https://docs.google.com/spreadsheets/d/e/2PACX/pub?output=csv",
            "https://docs.google.com/spreadsheets/d/e/2PACX/pub?output=csv",
        ),
    ],
)
def test_a_link_to_a_page_about_a_file_becomes_one_to_the_file(shared, file):
    assert download_link(shared) == file
