"""An ODK Central form is read as a whole with its repeats, and a rejected submission does not count.

The server is written from the documentation of Central's API: sessions, the list of fields, and the OData document
with $top, $count, $expand=* and @odata.nextLink.
"""

import json
from typing import Any

import pytest
from werkzeug import Request, Response

from flows.sources.pull import PullError
from tests.flows.sources.conftest import CANARY

FORM = {
    "delivery": {"kind": "snapshot", "unit": "folder"},
    "file": {
        "format": "csv_pair",
        "parent": {"file_name": r"log\.csv$", "key": "KEY"},
        "child": {"file_name": r"log-attended\.csv$", "key": "PARENT_KEY"},
    },
    "columns": {
        "full_name": "person-name",
        "sex": "person-sex",
        "birth_date": "person-born",
        "phones": "person-phone",
        "course_code": "course",
        "training_date": "day",
    },
    "ignore": ["SubmissionDate", "Edits", "FormVersion", "meta-instanceID", "person-place", "KEY", "PARENT_KEY"],
    "access": {"user": "ONE_USER", "password": "ONE_PASSWORD"},
    "states": {"header": "ReviewState", "counts": ["", "approved", "edited"], "refused": "rejected"},
}
FIELDS = [
    {"path": "/meta", "name": "meta", "type": "structure", "binary": None},
    {"path": "/meta/instanceID", "name": "instanceID", "type": "string", "binary": None},
    {"path": "/person", "name": "person", "type": "structure", "binary": None},
    {"path": "/person/name", "name": "name", "type": "string", "binary": None},
    {"path": "/person/sex", "name": "sex", "type": "string", "binary": None},
    {"path": "/person/born", "name": "born", "type": "date", "binary": None},
    {"path": "/person/phone", "name": "phone", "type": "string", "binary": None},
    {"path": "/person/place", "name": "place", "type": "geopoint", "binary": None},
    {"path": "/person/photo", "name": "photo", "type": "binary", "binary": True},
    {"path": "/attended", "name": "attended", "type": "repeat", "binary": None},
    {"path": "/attended/course", "name": "course", "type": "string", "binary": None},
    {"path": "/attended/day", "name": "day", "type": "date", "binary": None},
]


class Central:
    """Submissions of one form on a server that gives a page at a time."""

    def __init__(self) -> None:
        self.submissions: list[dict[str, Any]] = []
        self.faults: list[Response] = []
        self.page_size = 1000
        self.says_next = True
        self.asked: list[str] = []

    def add(self, number: int, *days: str, state: str | None = None) -> None:
        """Send a submission in, with a repetition for each day."""
        self.submissions.append(
            {
                "__id": f"uuid:{number:05d}",
                "__system": {
                    "submissionDate": "2020-08-02T08:00:00.000Z",
                    "submitterName": "Enumerator",
                    "reviewState": state,
                    "edits": 0,
                    "status": None,
                    "formVersion": "1",
                },
                "meta": {"instanceID": f"uuid:{number:05d}"},
                "person": {
                    "name": f"Amostra {number}",
                    "sex": "f",
                    "born": f"19{60 + number % 40}-03-12",
                    "phone": f"+67381{number:05d}",
                    "place": {"type": "Point", "coordinates": [114.9, 4.9, 0.0]},
                    "photo": "face.jpg",
                },
                "attended@odata.navigationLink": f"Submissions('uuid:{number:05d}')/attended",
                "attended": [{"__id": f"{number}-{at}", "course": "DL101", "day": day} for at, day in enumerate(days)],
            }
        )

    def session(self, request: Request) -> Response:
        """Give a token for user and password."""
        said = request.get_json()
        if said != {"email": CANARY, "password": CANARY}:
            return Response('{"code":401.2}', status=401, content_type="application/json")
        return Response(json.dumps({"token": "session-token"}), content_type="application/json")

    def fields(self, request: Request) -> Response:
        """List the questions of the form."""
        assert request.headers["Authorization"] == "Bearer session-token"
        return Response(json.dumps(FIELDS), content_type="application/json")

    def data(self, request: Request) -> Response:
        """Give a page of submissions with everything in them."""
        self.asked.append(request.query_string.decode())
        assert request.headers["Authorization"] == "Bearer session-token"
        assert request.args["$expand"] == "*"
        if self.faults:
            return self.faults.pop(0)
        start = int(request.args.get("$skiptoken", request.args.get("$skip", 0)))
        size = min(self.page_size, int(request.args.get("$top", self.page_size)))
        page: dict[str, Any] = {
            "value": self.submissions[start : start + size],
            "@odata.count": len(self.submissions),
        }
        if self.says_next and start + size < len(self.submissions):
            page["@odata.nextLink"] = (
                f"{request.base_url}?%24top={size}&%24count=true&%24expand=*&%24skiptoken={start + size}"
            )
        return Response(json.dumps(page), content_type="application/json")


@pytest.fixture
def central(httpserver) -> Central:
    server = Central()
    httpserver.expect_request("/v1/sessions", method="POST").respond_with_handler(server.session)
    httpserver.expect_request("/v1/projects/7/forms/log/fields").respond_with_handler(server.fields)
    httpserver.expect_request("/v1/projects/7/forms/log.svc/Submissions").respond_with_handler(server.data)
    return server


@pytest.fixture
def form(bench, httpserver):
    def make(**contract: Any):
        return bench(f"odk://127.0.0.1:{httpserver.port}/7/log", **{**FORM, **contract})

    return make


def files_of(made, pulled) -> dict[str, str]:
    folder = made.partner.folder / "deliveries"
    return {row.file_name.partition("/")[2]: (folder / row.landed_path).read_text() for row in pulled.landed}


def test_each_repetition_is_an_attendance_and_a_rejected_submission_does_not_count(form, central):
    central.add(1, "2020-08-02", "2020-08-03")
    central.add(2, "2020-08-02", state="approved")
    central.add(3, "2020-08-02", state="rejected")
    central.add(4, "2020-08-02", state="hasIssues")
    made = form()
    assert made.run().published == 1
    assert made.deliveries() == [("loaded", 5, 3, 2, 0)]
    assert made.reasons() == [("refused_at_source",), ("unknown_state",)]

    assert made.run().published is None
    central.submissions[2]["__system"]["reviewState"] = "approved"
    assert made.run().published == 2
    assert made.attendances() == 4


def test_the_files_are_those_that_central_exports_without_media_and_enumerators(form, central):
    central.add(2, "2020-08-02")
    central.add(1)
    made = form()
    files = files_of(made, made.pull())
    assert files["log.csv"].splitlines() == [
        "SubmissionDate,ReviewState,Edits,FormVersion,meta-instanceID,person-name,person-sex,person-born,person-phone,"
        "person-place,KEY",
        "2020-08-02T08:00:00.000Z,,0,1,uuid:00001,Amostra 1,f,1961-03-12,+6738100001,114.9 4.9 0,uuid:00001",
        "2020-08-02T08:00:00.000Z,,0,1,uuid:00002,Amostra 2,f,1962-03-12,+6738100002,114.9 4.9 0,uuid:00002",
    ]
    assert files["log-attended.csv"].splitlines() == [
        "course,day,PARENT_KEY,KEY",
        "DL101,2020-08-02,uuid:00002,2-0",
    ]


@pytest.mark.parametrize("says_next", [True, False])
def test_all_pages_are_read_also_from_a_server_that_names_no_next_one(form, central, says_next):
    for number in range(2100):
        central.add(number)
    central.says_next = says_next
    assert form().pull().seen[0].size == 2100
    assert len(central.asked) == 3


def test_a_busy_server_is_asked_again_and_a_wrong_password_is_not(form, central, httpserver, monkeypatch):
    central.add(1)
    central.faults = [Response("", status=503)]
    made = form()
    made.pull()
    assert len(central.asked) == 2
    monkeypatch.setenv("ONE_PASSWORD", "wrong")
    before = len(httpserver.log)
    with pytest.raises(PullError, match="access was refused"):
        made.pull()
    assert len(httpserver.log) == before + 1


def test_encrypted_submissions_are_named(form, central):
    central.add(1)
    central.submissions[0]["__system"]["status"] = "notDecrypted"
    with pytest.raises(PullError, match="holds encrypted submissions"):
        form().pull()


def test_an_address_that_is_no_form_says_how_one_is_written(bench):
    with pytest.raises(PullError, match="write odk://host/project number/form id"):
        bench("odk://127.0.0.1/log", **FORM).pull()
