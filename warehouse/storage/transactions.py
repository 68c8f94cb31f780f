"""All of a block's changes to the database, or none of them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import duckdb


@contextmanager
def transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All of the block's changes, or none of them."""
    con.execute("BEGIN")
    try:
        yield
    except BaseException:
        # if the rollback fails too, report the first error; closing the database also rolls back
        with suppress(duckdb.Error):
            con.execute("ROLLBACK")
        raise
    con.execute("COMMIT")
