"""An upgrade of the vault: once, all or nothing, and back again with the copy that was kept."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from flows.settings import Settings
from tests.conftest import hashes, run
from warehouse.doctor.observed import has_failure
from warehouse.doctor.releases import examine_releases
from warehouse.release.build import content_hash
from warehouse.storage.data_folder import DataFolder
from warehouse.vault import open as vaults
from warehouse.vault.open import VaultError, copy_before_upgrade, open_vault
from warehouse.vault.schema import SCHEMA_VERSION, UPGRADES

OLD = 5
# what each version had not yet, from the newest back; whoever raises the version adds a line
BACK_TO = {
    6: """
    DROP TABLE run; DROP TABLE run_stage; DROP TABLE hold_release;
    ALTER TABLE partner DROP COLUMN delivery_every; ALTER TABLE partner DROP COLUMN duplicate_share_max;
    """,
    5: "DROP TABLE sighting;",
}


def go_back(vault: Path, version: int = OLD) -> None:
    """Make a vault what an earlier version of the program wrote."""
    with duckdb.connect(str(vault)) as con:
        for earlier in range(SCHEMA_VERSION - 1, version - 1, -1):
            con.execute(BACK_TO[earlier])
        con.execute("UPDATE vault_schema SET version = ?", [version])


def contents(vault: Path) -> dict[str, str]:
    """Content hash of every table of a closed vault, and its schema."""
    with duckdb.connect(str(vault), read_only=True) as con:
        tables = [name for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        found = {name: content_hash(con, name) for name in tables}
        return found | {"schema": str(con.execute("SELECT sql FROM duckdb_tables() ORDER BY table_name").fetchall())}


@pytest.fixture
def old(installed: Settings) -> Settings:
    """A published installation whose vault is of version 5."""
    go_back(DataFolder(installed.data).vault)
    return installed


@pytest.mark.parametrize("version", [SCHEMA_VERSION - 1, OLD])
def test_an_upgrade_keeps_a_copy_and_publishes_nothing_new(installed, version):
    folder = DataFolder(installed.data)
    go_back(folder.vault, version)
    before, published = folder.vault.read_bytes(), hashes(installed.data)
    assert run(installed).published is None
    copy = copy_before_upgrade(folder, version)
    assert copy.read_bytes() == before
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert hashes(installed.data) == published
    kept = copy.stat()
    # once: the next run has nothing to upgrade, and keeps no other copy
    assert run(installed).published is None
    assert (copy.stat().st_ino, copy.stat().st_mtime_ns) == (kept.st_ino, kept.st_mtime_ns)
    assert sorted(path.name for path in folder.private.glob("vault*")) == [copy.name, "vault.duckdb"]
    assert not has_failure(examine_releases(installed.data, fix=False))


def test_the_copy_put_back_is_the_older_programs_vault_again(old, monkeypatch):
    folder = DataFolder(old.data)
    before = contents(folder.vault)
    run(old)
    assert contents(folder.vault) != before

    # a program that knows nothing newer than version 5
    monkeypatch.setattr(vaults, "SCHEMA_VERSION", OLD)
    monkeypatch.setattr(vaults, "UPGRADES", {version: step for version, step in UPGRADES.items() if version < OLD})
    with pytest.raises(VaultError, match=f"has schema {SCHEMA_VERSION}, this program needs {OLD}"):
        open_vault(folder, "test").__enter__()
    copy_before_upgrade(folder, OLD).replace(folder.vault)
    assert contents(folder.vault) == before
    with open_vault(folder, "test") as con:
        assert con.execute("SELECT count(*) > 0 FROM record").fetchall() == [(True,)]
    assert contents(folder.vault) == before


def test_what_a_killed_writer_left_beside_the_vault_is_in_the_copy(old):
    folder = DataFolder(old.data)
    writer = (
        "import duckdb, os, signal, sys\n"
        "con = duckdb.connect(sys.argv[1])\n"
        "con.execute(\"INSERT INTO course VALUES ('ZZ999', 'Invented course')\")\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", writer, folder.vault], check=False).returncode == -signal.SIGKILL
    assert folder.vault.with_name("vault.duckdb.wal").exists()
    before = contents(folder.vault)
    with open_vault(folder, "test"):
        pass
    copy = copy_before_upgrade(folder, OLD)
    assert not copy.with_name(f"{copy.name}.wal").exists()
    assert contents(copy) == before


def test_an_upgrade_that_fails_half_way_leaves_the_vault_as_it_was(old):
    folder = DataFolder(old.data)
    with duckdb.connect(str(folder.vault)) as con:
        # two steps go well, and the third finds no table of records
        con.execute(
            """
            DROP TABLE judgement; DROP TABLE identity_event_record; DROP VIEW linkage_record;
            ALTER TABLE identity_event DROP COLUMN event_id;
            ALTER TABLE record RENAME TO record_elsewhere;
            UPDATE vault_schema SET version = 1;
            """
        )
    before = contents(folder.vault)
    for _ in range(2):
        with pytest.raises(VaultError, match="cannot be upgraded from schema 1: the step from 3 failed"):
            open_vault(folder, "test").__enter__()
        assert contents(folder.vault) == before
    assert contents(copy_before_upgrade(folder, 1)) == before


def test_without_room_for_the_copy_nothing_is_upgraded(old):
    folder = DataFolder(old.data)
    before = contents(folder.vault)
    # whoever reads them is told of a limit on the size of files as of a full disk
    program = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from warehouse.vault.open import DataFolder, VaultError, open_vault\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    open_vault(DataFolder(Path(sys.argv[1])), 'test').__enter__()\n"
        "except VaultError as error:\n"
        "    print(error)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, old.data], check=False, capture_output=True, text=True, env={**os.environ}
    )
    assert "is not upgraded from schema 5, because no copy of it can be kept" in said.stdout, said.stderr
    assert contents(folder.vault) == before
    assert sorted(path.name for path in folder.private.glob("vault*")) == ["vault.duckdb"]
