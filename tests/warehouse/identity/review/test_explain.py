"""Why two records are one person, or two: the reason that is given is the one that decided."""

import datetime as dt
import random

import pytest

from tests.generators.draws import draw_records, linked_vault
from tests.warehouse.identity.people import BASE, BORN, frame, person
from warehouse.identity.linkage.find_pairs import block_pairs
from warehouse.identity.linkage.model import load_model
from warehouse.identity.review.explain import explain, shared_keys

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
    assert "They contradict each other" in found.because[0]


def test_the_keys_that_are_told_bring_together_what_blocking_brings_together():
    with linked_vault(draw_records(2500, 7), MODEL) as con:
        con.execute("ATTACH ':memory:' AS beside")
        other = con.cursor()
        other.execute("USE beside; CREATE VIEW node AS SELECT * FROM vault.identity_node")
        block_pairs(other)
        blocked = set(other.execute("SELECT join_key_l, join_key_r FROM blocked").fetchall())
        found = con.execute("SELECT node_id FROM identity_node ORDER BY node_id").fetchall()
        draw = random.Random(7)  # noqa: S311 - invented data
        nodes = [node for (node,) in found]
        pairs = draw.sample(sorted(blocked), 60) + [tuple(sorted(draw.sample(nodes, 2))) for _ in range(30)]
        told = [any(key.compares for key in shared_keys(con, *pair)) for pair in pairs]
    assert told == [pair in blocked for pair in pairs]
    assert not all(told)
