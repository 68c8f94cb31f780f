"""The vault: one writer, private, and a vault of an older program is brought up to date when it is opened."""

import subprocess
import sys

import duckdb
import pytest

from warehouse.storage.data_folder import DataFolder
from warehouse.vault.open import VaultError, open_vault
from warehouse.vault.schema import SCHEMA_VERSION


def tables(con):
    return {row[0] for row in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}


@pytest.fixture
def first_version(data):
    """A vault as the first version of the program made it: without judgements, and events without an id."""
    folder = DataFolder(data)
    with open_vault(folder, "test"):
        pass
    with duckdb.connect(str(folder.vault)) as con:
        con.execute(
            """
            DROP TABLE judgement; DROP TABLE judgement_applied; DROP TABLE identity_event_record;
            ALTER TABLE identity_event DROP COLUMN event_id;
            ALTER TABLE partner DROP COLUMN due_days;
            INSERT INTO identity_event VALUES
                (1, 'mint', 'ta', NULL, 1, 'new record'), (1, 'mint', 'tb', NULL, 1, 'new record');
            UPDATE vault_schema SET version = 1;
            """
        )
    return folder


def test_a_vault_of_the_first_version_gets_what_it_lacks_and_keeps_what_it_has(first_version):
    for _ in range(2):
        with open_vault(first_version, "test") as con:
            assert con.execute("SELECT count(due_days) FROM partner").fetchall() == [(0,)]
            assert {"judgement", "judgement_applied", "identity_event_record"} <= tables(con)
            events = con.execute("SELECT event_id, trainee_id FROM identity_event ORDER BY ALL").fetchall()
            assert events == [("e1", "ta"), ("e2", "tb")]
            assert con.execute("SELECT version FROM vault_schema").fetchall() == [(SCHEMA_VERSION,)]


def test_a_vault_of_the_fifth_version_can_remember_what_was_seen_at_a_source(data):
    folder = DataFolder(data)
    with open_vault(folder, "test"):
        pass
    with duckdb.connect(str(folder.vault)) as con:
        con.execute("DROP TABLE sighting; UPDATE vault_schema SET version = 5")
    with open_vault(folder, "test") as con:
        assert con.execute("SELECT count(*) FROM sighting").fetchall() == [(0,)]


@pytest.fixture
def third_version(data):
    """A vault as the third version made it: a record and its node, without columns for an address."""
    folder = DataFolder(data)
    with open_vault(folder, "test"):
        pass
    with duckdb.connect(str(folder.vault)) as con:
        con.execute(
            """
            DROP VIEW linkage_record;
            ALTER TABLE record DROP COLUMN address; ALTER TABLE record DROP COLUMN postcode;
            ALTER TABLE identity_node DROP COLUMN address_numbers; ALTER TABLE identity_node DROP COLUMN postcode;
            ALTER TABLE identity_node DROP COLUMN address_letters;
            INSERT INTO record BY NAME SELECT 'r1' AS record_id, 'Invented Person' AS full_name;
            INSERT INTO identity_node BY NAME SELECT 7 AS node_id, 'invented person' AS name_key;
            UPDATE vault_schema SET version = 3;
            """
        )
    return folder


def test_a_vault_of_the_third_version_gets_addresses_and_keeps_its_records(third_version):
    for _ in range(2):
        with open_vault(third_version, "test") as con:
            records = con.execute("SELECT record_id, full_name, address, postcode FROM record").fetchall()
            assert records == [("r1", "Invented Person", None, None)]
            nodes = con.execute(
                "SELECT node_id, name_key, address_numbers, address_letters, postcode FROM identity_node"
            ).fetchall()
            assert nodes == [(7, "invented person", "", "", "")]
            assert con.execute("SELECT address, postcode FROM linkage_record").fetchall() == []
            assert con.execute("SELECT version FROM vault_schema").fetchall() == [(SCHEMA_VERSION,)]


def test_a_vault_of_a_later_version_is_left_alone(data):
    folder = DataFolder(data)
    with open_vault(folder, "test") as con:
        con.execute("UPDATE vault_schema SET version = 99")
    with pytest.raises(VaultError, match="use the program's matching version"), open_vault(folder, "test"):
        pass


def test_a_vault_whose_making_was_killed_is_made_again(data):
    folder = DataFolder(data)
    half = folder.private / "making" / "vault.duckdb"
    half.parent.mkdir(parents=True)
    # what the engine leaves when it is killed at the beginning
    half.write_bytes(b"")
    with open_vault(folder, "test") as con:
        assert "record" in tables(con)
    assert not half.parent.exists()


def test_what_a_vault_that_was_moved_away_had_not_written_yet_is_kept_out_of_the_new_one(data):
    folder = DataFolder(data)
    with open_vault(folder, "test"):
        pass
    killed = (
        "import duckdb, os, sys\n"
        "con = duckdb.connect(sys.argv[1])\n"
        "con.execute('CREATE TABLE of_the_old_one (a INTEGER)')\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", killed, str(folder.vault)], check=False)
    assert folder.vault.with_name("vault.duckdb.wal").exists()
    folder.vault.rename(folder.private / "moved.duckdb")
    with open_vault(folder, "test") as con:
        assert "of_the_old_one" not in tables(con)


def test_an_empty_database_beside_releases_is_no_vault(data):
    folder = DataFolder(data)
    folder.private.mkdir(parents=True)
    (data / "releases").mkdir()
    (data / "releases" / "000001.duckdb").touch()
    duckdb.connect(str(folder.vault)).close()
    with (
        pytest.raises(VaultError, match="the vault is empty, and releases were made of it"),
        open_vault(folder, "test"),
    ):
        pass


def test_what_a_killed_process_had_spilled_is_removed(data):
    folder = DataFolder(data)
    (folder.private / "spill").mkdir(parents=True)
    left = folder.private / "spill" / "duckdb_temp_storage_DEFAULT-0.tmp"
    left.write_bytes(b"rows of people")
    with open_vault(folder, "test"):
        assert not left.exists()
