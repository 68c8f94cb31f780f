"""A KoboToolbox form is read as a whole: edits, deletions, copies and a form that changes while it is read.

The server is written from the documentation of API v2: GET /api/v2/assets/{uid}/data/ with `limit` (100 unless told
otherwise, 1,000 at most), `start`, `sort`, and `count`, `next`, `previous`, `results` in the answer.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug import Request, Response

from flows.sources.pull import PullError
from schemas.partner import ContractError
from tests.flows.sources.conftest import CANARY, listening

STATES = {
    "header": "_validation_status",
    "counts": ["", "validation_status_approved"],
    "refused": ["validation_status_not_approved", "validation_status_on_hold"],
}
FORM = {
    "delivery": {"kind": "snapshot", "unit": "folder"},
    "file": {"format": "kobo_json"},
    "record_key": "_id",
    "columns": {
        "full_name": "person/name",
        "sex": "person/sex",
        "birth_date": "person/born",
        "phones": "person/phone",
        "course_code": "training/course",
        "training_date": "training/day",
    },
    "access": {"token": "ONE_TOKEN"},
    "states": STATES,
}


class Kobo:
    """Submissions of one form, and what goes wrong on the way."""

    def __init__(self) -> None:
        self.submissions: list[dict[str, Any]] = []
        self.faults: list[Response] = []
        # called after every page that was given
        self.between: Callable[[], None] = lambda: None
        self.asked: list[str] = []

    def add(self, number: int, *, state: str = "", uuid: str | None = None, name: str | None = None) -> None:
        """Send a submission in."""
        self.submissions.append(
            {
                "_id": number,
                "_uuid": uuid or f"uuid-{number}",
                "_submission_time": "2020-08-02T08:00:00",
                "_validation_status": {"uid": state, "timestamp": 1, "by_whom": "reviewer"} if state else {},
                "_attachments": [{"download_url": f"https://media.example.org/{len(self.asked)}/{number}.jpg"}],
                "person/name": name or f"Amostra {number}",
                "person/sex": "f",
                "person/born": f"19{60 + number % 40}-0{1 + number % 9}-1{number % 7}",
                "person/phone": f"+67381{number:05d}",
                "training/course": "DL101",
                "training/day": "2020-08-02",
            }
        )

    def answer(self, request: Request) -> Response:
        """Answer as the server does."""
        self.asked.append(request.query_string.decode())
        if request.headers.get("Authorization") != f"Token {CANARY}":
            return Response('{"detail":"Invalid token."}', status=401, content_type="application/json")
        if self.faults:
            return self.faults.pop(0)
        limit = min(int(request.args.get("limit", 100)), 1000)
        start = int(request.args.get("start", 0))
        found = list(self.submissions)
        for key, direction in json.loads(request.args.get("sort", "{}")).items():
            found.sort(key=lambda item: item[key], reverse=direction < 0)
        following = start + limit < len(found)
        sort = request.args.get("sort", "{}")
        link = f"{request.base_url}?format=json&limit={limit}&start={start + limit}&sort={sort}"
        page = {"count": len(found), "next": link if following else None, "previous": None}
        body = json.dumps({**page, "results": found[start : start + limit]})
        self.between()
        return Response(body, content_type="application/json")


@pytest.fixture
def kobo(httpserver) -> Kobo:
    server = Kobo()
    httpserver.expect_request("/api/v2/assets/aXyZ/data/").respond_with_handler(server.answer)
    return server


@pytest.fixture
def form(bench, httpserver):
    def make(**contract: Any):
        return bench(f"kobo://127.0.0.1:{httpserver.port}/aXyZ", **{**FORM, **contract})

    return make


def pages_of(made) -> list[dict[str, Any]]:
    return [json.loads(path.read_bytes()) for path in made.landed()]


def test_edits_and_deletions_reach_the_release_and_an_unchanged_form_lands_nothing(form, kobo):
    for number in range(1, 21):
        kobo.add(number)
    made = form()
    assert made.run().published == 1
    assert made.attendances() == 20
    landed = made.landed()
    assert made.run().published is None
    assert made.landed() == landed

    # an edit keeps _id and changes _uuid, and its time of submission is that of the first
    kobo.submissions[0] |= {"_uuid": "uuid-edited", "person/name": "Amostra Baru"}
    del kobo.submissions[1]
    assert made.run().published == 2
    assert made.attendances() == 19
    assert sorted(row[0] for row in made.deliveries()) == ["loaded", "superseded"]

    # back to what it was: the earlier state is the state, and nothing of the newer one is left
    kobo.submissions[0] |= {"_uuid": "uuid-1", "person/name": "Amostra 1"}
    kobo.add(2)
    assert made.run().published == 3
    assert made.attendances() == 20
    assert sorted(row[0] for row in made.deliveries()) == ["loaded", "repeated", "superseded"]


def test_states_of_review_decide_what_counts(form, kobo):
    for number, state in enumerate(("", "validation_status_approved", "validation_status_not_approved", "new_state")):
        kobo.add(number + 1, state=state)
    kobo.add(5, uuid="uuid-1", name="Amostra 1")
    made = form()
    result = made.run()
    assert made.deliveries() == [("loaded", 5, 2, 2, 1)]
    assert made.reasons() == [("refused_at_source",), ("unknown_state",)]
    assert "1 submission(s) were sent twice, under the same _uuid" in result.warnings[0]


def test_a_review_that_changes_its_mind_takes_the_row_out_again(form, kobo):
    kobo.add(1)
    kobo.add(2)
    made = form()
    made.run()
    assert made.attendances() == 2
    kobo.submissions[0]["_validation_status"] = {"uid": "validation_status_not_approved"}
    made.run()
    assert made.attendances() == 1


def test_a_form_without_a_word_about_states_is_no_contract(bench):
    with pytest.raises(ContractError, match="states: is missing; a kobo:// source has states of review"):
        bench("kobo://kf.example.org/aXyZ", **{name: said for name, said in FORM.items() if name != "states"})


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"delivery": {"kind": "append", "unit": "folder"}}, "write `kind: snapshot`"),
        ({"delivery": {"kind": "snapshot"}}, "write `unit: folder`"),
        ({"file": {"format": "csv"}}, "comes as kobo_json"),
    ],
)
def test_a_form_is_a_snapshot_of_pages_and_nothing_else(bench, said, words):
    with pytest.raises(ContractError, match=words):
        bench("kobo://kf.example.org/aXyZ", **{**FORM, **said})


def test_all_pages_are_read_with_the_most_the_server_gives(form, kobo):
    for number in range(2345, 0, -1):
        kobo.add(number)
    made = form()
    pulled = made.pull()
    assert len(kobo.asked) == 3
    assert [len(page["results"]) for page in sorted(pages_of(made), key=lambda page: page["results"][0]["_id"])] == [
        1000,
        1000,
        345,
    ]
    assert pulled.seen[0].size == 2345
    # the same state in another order, with other addresses of media, is the same bytes
    kobo.submissions.reverse()
    for item in kobo.submissions:
        item["_attachments"] = []
    again = made.pull(known={(pulled.partner_id, pulled.source): pulled.seen})
    assert [row.sha256 for row in again.landed] == [row.sha256 for row in pulled.landed]
    assert again.landed[0].file_name == pulled.landed[0].file_name
    # and a shorter state shares no folder with the longer one
    del kobo.submissions[100:]
    shorter = made.pull(known={(pulled.partner_id, pulled.source): pulled.seen})
    folders = {row.file_name.partition("/")[0] for row in (*pulled.landed, *shorter.landed)}
    assert len(folders) == 2


def test_a_form_that_grows_while_it_is_read_is_taken_as_far_as_it_was_counted(form, kobo):
    for number in range(1, 1501):
        kobo.add(number)
    kobo.between = lambda: kobo.add(len(kobo.submissions) + 1) if len(kobo.asked) == 1 else None
    pulled = form().pull()
    assert pulled.seen[0].size == 1501
    assert len(kobo.asked) == 2


def test_a_deletion_while_it_is_read_has_it_read_again(form, kobo):
    for number in range(1, 1501):
        kobo.add(number)
    kobo.between = lambda: kobo.submissions.pop(0) if len(kobo.asked) == 1 else None
    pulled = form().pull()
    assert pulled.seen[0].size == 1499
    assert len(kobo.asked) == 4


def test_a_form_that_never_stands_still_is_reported(form, kobo):
    for number in range(1, 1501):
        kobo.add(number)
    kobo.between = lambda: kobo.submissions.pop(0)
    with pytest.raises(PullError, match="the form changed while it was read"):
        form().pull()


def test_a_busy_server_is_waited_for_and_a_wrong_token_is_not_tried_again(form, kobo, monkeypatch):
    kobo.add(1)
    kobo.faults = [Response("slow down", status=429, headers={"Retry-After": "0"}), Response("", status=502)]
    made = form()
    assert made.pull().seen[0].size == 1
    assert len(kobo.asked) == 3

    monkeypatch.setenv("ONE_TOKEN", "wrong-token")
    with pytest.raises(PullError, match=r"access was refused \(401\); check token") as caught:
        made.pull()
    assert "wrong-token" not in str(caught.value)
    assert len(kobo.asked) == 4


def test_a_next_page_on_another_server_never_gets_the_token(form, kobo):
    elsewhere = {"count": 2, "next": "https://evil.example.org/?start=1000", "results": [{"_id": 1}]}
    kobo.faults = [Response(json.dumps(elsewhere), content_type="application/json")]
    with pytest.raises(PullError, match="next page is on another server; nothing was sent there"):
        form().pull()


@pytest.mark.parametrize(
    "body", [b"<html>login</html>", b'{"count": 1', b'{"detail": "x"}', b'{"count":1,"next":null,"results":[{}]}']
)
def test_what_is_no_page_of_submissions_is_refused(form, kobo, body):
    kobo.faults = [Response(body, content_type="application/json")]
    with pytest.raises(PullError, match="no JSON|is this a KoboToolbox server"):
        form().pull()


def test_a_page_that_breaks_off_is_asked_for_again_and_lands_nothing(bench):
    cut = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"count": 1, "next'
    with listening(cut) as port:
        made = bench(f"kobo://127.0.0.1:{port}/aXyZ", **FORM)
        with pytest.raises(PullError, match="the answer broke off .tried 3 times"):
            made.pull()
    assert made.landed() == []


def test_a_form_that_lost_many_submissions_is_held_back(form, kobo):
    for number in range(1, 31):
        kobo.add(number)
    made = form()
    made.run()
    del kobo.submissions[5:]
    result = made.run(code=2)
    assert [failure.code for failure in result.failures] == ["source_shrank"]
    assert "had 30 submissions and has 5" in result.failures[0].message
    assert made.attendances() == 30


def test_an_empty_form_is_a_delivery_without_rows(form, kobo):
    made = form()
    pulled = made.pull()
    assert pages_of(made) == [{"count": 0, "next": None, "previous": None, "results": []}]
    assert pulled.seen[0].size == 0
