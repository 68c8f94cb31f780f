"""Why two records are one person, or two: the reason that is given is the one that decided."""

import datetime as dt

import pytest

from tests.generators.draws import linked_vault
from tests.warehouse.identity.people import BASE, BORN, frame, person
from warehouse.identity.explain import explain
from warehouse.identity.model import load_model

MODEL = load_model()


def explained(one, other):
    """The explanation of two records, linked in a vault of their own."""
    rows = [row | {"delivery_id": "d"} for row in (one, other)]
    records = frame(*rows).assign(person_id="", household_id="")
    with linked_vault(records, MODEL) as con:
        return explain(con, MODEL, tuple(sorted(row["record_id"] for row in rows)))


A_DAY_OFF = {"birth_date": BORN + dt.timedelta(days=1)}


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"sex": "M", **A_DAY_OFF}, id="another sex and another birth"),
        pytest.param({"member_id": "8", **A_DAY_OFF}, id="another number at the partner and another birth"),
        pytest.param({"national_id": "001195725137", "national_id_status": "valid"}, id="another identity number"),
    ],
)
def test_a_veto_is_named_as_what_keeps_two_records_apart(more):
    stated = BASE | {"member_id": "7", "email": "a@b.example", "national_id": "033303610881"}
    known = stated | {"national_id_status": "valid" if "national_id" in more else "invalid"}
    found = explained(person("Nguyễn Thị Mẫu", **known), person("Nguyễn Thị Mẫu", **(known | more)))
    assert not found.is_one_person
    assert found.evidence.weight >= MODEL.link_weight
    assert "What they state contradicts" in found.because[0]
