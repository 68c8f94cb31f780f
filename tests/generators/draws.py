"""Draws of invented records, linked in a vault of their own: what was found beside what is true."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from tests.generators.identity_records import TRUTH_COLUMNS, Noise, generate, write_records
from warehouse.identity.calibration import ALL, store_quality
from warehouse.identity.linkage import link as linkage
from warehouse.identity.linkage.model import MatchModel
from warehouse.vault.schema import VAULT_DDL

# from tidy to hardly usable: the noise of the draws, in turn
_FACTORS = (0.4, 0.7, 1.0, 1.3, 1.7, 2.2)


def noise_of(seed: int) -> Noise:
    """Another noise for each seed: its strength in turn, and every kind more or less of it."""
    rng = np.random.default_rng((seed, 1))
    shares = asdict(Noise().times(_FACTORS[seed % len(_FACTORS)]))
    return Noise(**{name: min(share * rng.uniform(0.5, 1.6), 0.5) for name, share in shares.items()})


def draw_records(records: int, seed: int) -> pd.DataFrame:
    """Records of one draw, with their truth."""
    return generate(records, seed, noise_of(seed))


@contextmanager
def linked_vault(records: pd.DataFrame, model: MatchModel) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a vault in memory that holds the records, all accepted, linked and with table identity_quality.

    The truth lies in table `truth` (record_id, person_id, country_code).
    """
    with duckdb.connect(":memory:", config={"threads": 2, "memory_limit": "6GB"}) as con:
        con.execute("ATTACH ':memory:' AS vault; USE vault")
        con.execute(VAULT_DDL)
        fill_records(con, records)
        link_vault(con, model)
        yield con


def fill_records(con: duckdb.DuckDBPyConnection, records: pd.DataFrame) -> None:
    """Put generated records into an empty vault, all accepted, each delivery a file of its own; table `truth` too."""
    write_records(con, records, "given")
    con.execute(
        f"""
        INSERT INTO record BY NAME
        SELECT * EXCLUDE ({", ".join(TRUTH_COLUMNS)}), 0 AS ordinal, record_id AS content_id,
               'sent/' || delivery_id || '.csv' AS file, 'accepted' AS disposition FROM given;
        INSERT INTO delivery BY NAME
        SELECT delivery_id, any_value(partner_id) AS partner_id, any_value(country_code) AS country_code,
               'append' AS delivery_kind, delivery_id AS name, 0 AS revision, DATE '2022-01-01' AS date_received,
               TIMESTAMP '2022-01-01' AS pulled_at, FALSE AS is_sample, delivery_id AS content_hash,
               '' AS reading_hash, 'loaded' AS outcome, count(*)::INTEGER AS rows_in,
               count(*)::INTEGER AS rows_accepted, 0 AS rows_rejected, 0 AS rows_superseded, 0 AS rows_repeated,
               0 AS rows_structural
        FROM given GROUP BY delivery_id;
        CREATE TABLE truth AS SELECT record_id, person_id, country_code FROM given;
        DROP TABLE given;
        """
    )


def write_truth(records: pd.DataFrame, folder: Path) -> None:
    """Write a folder of truth of generated records, as `godigital identity evaluate` reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = pd.DataFrame(
        {
            "file": "sent/" + records["delivery_id"] + ".csv",
            "row": records["row_number"],
            "record_uid": "R" + records["record_id"],
            "person_id": records["person_id"],
        }
    )
    rows.to_parquet(folder / "records.parquet", index=False)
    people = records.drop_duplicates("person_id")[["person_id", "household_id"]]
    shared = people["household_id"].map(people["household_id"].value_counts()) > 1
    people = people.assign(relation=np.where(shared, "household", ""), pair_group=people["household_id"])
    people.drop(columns="household_id").to_parquet(folder / "people.parquet", index=False)
    several = rows[rows["person_id"].duplicated(keep=False)].sort_values("person_id").head(200)
    pairs = several.merge(several, on="person_id", suffixes=("_a", "_b"))
    pairs = pairs[pairs["record_uid_a"] < pairs["record_uid_b"]]
    named = pairs.rename(columns={"record_uid_a": "record_a", "record_uid_b": "record_b"})
    named[["record_a", "record_b"]].assign(kind="same_person").to_parquet(folder / "pairs.parquet", index=False)
    totals = {
        "overall": {"people": people["person_id"].nunique()},
        "by_country_attended": {
            country: {"people": part.nunique()} for country, part in records.groupby("country_code")["person_id"]
        },
    }
    (folder / "totals.json").write_text(json.dumps(totals), encoding="utf-8")


def link_vault(con: duckdb.DuckDBPyConnection, model: MatchModel) -> None:
    """Bring linkage, a register with the clusters as trainees, and the table of quality up to date."""
    with linkage.link(con, model) as found:
        con.execute("BEGIN")
        found.write(con)
    con.execute(
        """
        DELETE FROM register;
        INSERT INTO register
        SELECT record_id, 't' || cluster, record_id FROM identity_record JOIN identity_cluster USING (node_id)
        """
    )
    store_quality(con, model)
    con.execute("COMMIT")


def quality_beside_truth(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Return the lines of identity_quality for ALL and for each country, with `people`, the true number."""
    return con.execute(
        f"""
        WITH line AS (
            SELECT country_code, count(DISTINCT person_id) AS people FROM truth GROUP BY country_code
            UNION ALL SELECT '{ALL}', count(DISTINCT person_id) FROM truth
        )
        SELECT country_code, people, people_found, low, high, expected_false_merges, expected_misses
        FROM line JOIN identity_quality USING (country_code) WHERE script = '{ALL}' ORDER BY country_code
        """
    ).df()
