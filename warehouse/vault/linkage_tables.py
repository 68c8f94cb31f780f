"""The vault's tables of linkage: what identity is judged by, computed once per record, and what came of it.

All of them can be made again from the records; `identity_state` says by which code and model they were made.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

# what the private database is called, in the connection that opened it
VAULT = "vault"

# forms of a name (NameForms of linkage/names.py), of the name itself (name_*) and of its Latin form (alias_*)
NAME_FORMS = ("key", "fold", "sound", "skeleton", "code", "script")
# what a record says, in the form that is compared; missing text is '', a missing birth is NULL
FEATURES = {
    **{f"{side}_{form}": "VARCHAR" for side in ("name", "alias") for form in NAME_FORMS},
    # jr, sr, ii ...: of a column of its own, else of the name
    "suffix": "VARCHAR",
    # the pairs of letters in any form of the name, hashed into 64 bits: see letter_pairs in linkage/forms.py
    "name_pairs": "UBIGINT",
    # YYYYMMDD of a full date; days since 1970-01-01 of the first and the last day possible
    "birth": "VARCHAR",
    "birth_low": "INTEGER",
    "birth_high": "INTEGER",
    "phone_1": "VARCHAR",
    "phone_2": "VARCHAR",
    # the full number, valid or of a kind that has no check; a part of a number; the partner's own number
    "national": "VARCHAR",
    "national_partial": "VARCHAR",
    "member": "VARCHAR",
    "email": "VARCHAR",
    "sex": "VARCHAR",
    "province": "VARCHAR",
    "district": "VARCHAR",
    "place_script": "VARCHAR",
    # runs of digits of the address, each once, sorted; its letters, romanised; the postal code without blanks
    "address_numbers": "VARCHAR",
    "address_letters": "VARCHAR",
    "postcode": "VARCHAR",
    "country": "VARCHAR",
    # the record's own id where somebody judged it to be another person than a record like it; else ''
    "apart": "VARCHAR",
}
# how many others share a value, in steps: see warehouse.identity.linkage.features.STATISTICS
STATISTIC_COLUMNS = {
    "name_count": "INTEGER",
    "phone_names": "INTEGER",
    "rare_words": "VARCHAR[]",
    "odd_words": "VARCHAR[]",
}


@contextmanager
def beside_vault(con: duckdb.DuckDBPyConnection, name: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection whose database is in memory and called `name`; the vault's tables are vault.<table>."""
    beside = con.cursor()
    try:
        # a thread takes a row group at a time: with ordinary ones, the second would often have none
        beside.execute(f"ATTACH ':memory:' AS {name} (ROW_GROUP_SIZE 16384); USE {name}")
        yield beside
    finally:
        beside.execute(f"USE {VAULT}")
        beside.execute(f"DETACH DATABASE IF EXISTS {name}")
        beside.close()


NODE_COLUMNS = FEATURES | STATISTIC_COLUMNS
LINKAGE_TABLES = (
    "identity_record",
    "identity_node",
    "identity_key",
    "identity_edge",
    "identity_cluster",
    "identity_judged",
    "identity_state",
)
# what identity is judged by; a row's place in a file is not
SOURCE_COLUMNS = (
    "partner_id",
    "country_code",
    "full_name",
    "surname",
    "given_name",
    "middle_name",
    "name_suffix",
    "latin_name",
    "sex",
    "birth_earliest",
    "birth_latest",
    "phones",
    "email",
    "national_id",
    "national_id_status",
    "member_id",
    "province",
    "district",
    "address",
    "postcode",
)
