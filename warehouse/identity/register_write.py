"""Writes a plan into the identity register: trainees of records, aliases of retired ids, and the log of events.

The caller holds the transaction.
"""

from collections.abc import Mapping, Sequence

import duckdb

from warehouse.identity.register_plan import Plan
from warehouse.identity.register_state import EVENT_PREFIX, LAST_MERGES, MOVED


def write_plan(con: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Write the plan, and the new records of clusters that need no decision: they join the trainee of their cluster."""
    import pandas as pd

    def write(table: str, rows: Sequence[tuple[object, ...]], columns: Mapping[str, str], *statements: str) -> None:
        if not rows:
            return
        con.register(table, pd.DataFrame(rows, columns=list(columns)).astype(dict(columns)))
        try:
            for statement in statements:
                con.execute(statement)
        finally:
            con.unregister(table)

    write("decided_cluster", list(plan.trainee.items()), {"cluster": "str", "decided": "str"}, _MOVE_KNOWN, _PLACE_NEW)
    con.execute(_PLACE_GROWN)
    write(
        "retired_trainee",
        plan.retired,
        {"retired_id": "str", "surviving_id": "str", "release_number": "int32"},
        _FOLLOW_RETIRED,
        _FOLLOW_ALIAS,
        _ADD_ALIAS,
    )
    write(
        "revived_trainee",
        [(trainee,) for trainee in sorted(plan.revived)],
        {"retired_id": "str"},
        _BRING_BACK,
        _DROP_ALIAS,
    )
    write("followed_trainee", plan.followed, {"retired_id": "str", "surviving_id": "str"}, _FOLLOW_FOUNDER)
    if not plan.events:
        return
    first = _next_event(con)
    events = [(f"{EVENT_PREFIX}{number}", event) for number, event in enumerate(plan.events, start=first)]
    write(
        "happened",
        [(name, plan.release, item.event, item.trainee, item.other, item.records, item.cause) for name, item in events],
        {
            "event_id": "str",
            "release_number": "int32",
            "event": "str",
            "trainee_id": "str",
            "other_trainee_id": "str",
            "records": "int32",
            "cause": "str",
        },
        "INSERT INTO identity_event BY NAME SELECT * FROM happened",
    )
    write(
        "involved",
        [(name, *side) for name, item in events for side in item.sides],
        {"event_id": "str", "record_id": "str", "side": "str", "trainee_before": "str"},
        "INSERT INTO identity_event_record BY NAME SELECT * FROM involved",
    )


def _next_event(con: duckdb.DuckDBPyConnection) -> int:
    """Return the number of the next event."""
    row = con.execute("SELECT max(CAST(event_id[2:] AS BIGINT)) FROM identity_event").fetchone()
    return 1 if row is None or row[0] is None else int(row[0]) + 1


_MOVE_KNOWN = """
UPDATE register SET trainee_id = decided
FROM incoming_record JOIN decided_cluster USING (cluster)
WHERE register.record_id = incoming_record.record_id AND incoming_record.trainee_id <> decided
"""


_PLACE_NEW = """
INSERT INTO register
SELECT record_id, decided, founding FROM incoming_record JOIN decided_cluster USING (cluster)
WHERE trainee_id IS NULL ORDER BY record_id
"""


_PLACE_GROWN = """
INSERT INTO register
SELECT record_id, kept, founding
FROM (SELECT *, max(trainee_id) OVER (PARTITION BY cluster) AS kept FROM incoming_record)
ANTI JOIN register USING (record_id)
WHERE trainee_id IS NULL ORDER BY record_id
"""


# records that are not in the linkage today follow their retired trainee, and so do ids that were retired into it
_FOLLOW_RETIRED = "UPDATE register SET trainee_id = surviving_id FROM retired_trainee WHERE trainee_id = retired_id"


_FOLLOW_ALIAS = """
UPDATE trainee_alias SET surviving_id = retired_trainee.surviving_id
FROM retired_trainee WHERE trainee_alias.surviving_id = retired_trainee.retired_id
"""


_ADD_ALIAS = """
INSERT INTO trainee_alias SELECT retired_id, surviving_id, release_number FROM retired_trainee ORDER BY retired_id
"""


# records that are not in the linkage today, and had followed an id when it was retired, return with it
_BRING_BACK = f"""
UPDATE register SET trainee_id = ended.retired_id
FROM ({LAST_MERGES}) AS ended JOIN revived_trainee USING (retired_id) JOIN identity_event_record USING (event_id)
WHERE register.record_id = identity_event_record.record_id AND side = '{MOVED}'
  AND register.trainee_id = ended.surviving_id
  AND register.record_id NOT IN (SELECT record_id FROM incoming_record)
"""


_DROP_ALIAS = "DELETE FROM trainee_alias WHERE retired_id IN (SELECT retired_id FROM revived_trainee)"


_FOLLOW_FOUNDER = """
UPDATE trainee_alias SET surviving_id = followed_trainee.surviving_id
FROM followed_trainee WHERE trainee_alias.retired_id = followed_trainee.retired_id
"""
