"""What was officially reported is kept for ever, byte by byte, and later releases say what it reads now."""

import json
import shutil
from pathlib import Path

import pytest

from tests.warehouse.tiny_vault import TinyVault, read_table
from warehouse.lineage.freeze import damage, find_baseline, freeze, let_go
from warehouse.release.frozen_log import FreezeError, find_label, in_force, read_log
from warehouse.release.publish import rollback
from warehouse.release.releases import PublishError, current, list_releases
from warehouse.release.snapshots import snapshot_path


def numbers(data: Path) -> list[int]:
    return [release.number for release in list_releases(data)]


def copy_release(data: Path, number: int, wanted: int) -> None:
    """A release of another number, as pruning sees it: files and manifest."""
    for suffix in ("duckdb", "json"):
        shutil.copyfile(data / "releases" / f"{number:06d}.{suffix}", data / "releases" / f"{wanted:06d}.{suffix}")
    shutil.copyfile(snapshot_path(data, number), snapshot_path(data, wanted))


def test_a_frozen_release_outlives_thirty_others(vault: TinyVault, data: Path) -> None:
    vault.attend("t1", sex="F")
    vault.publish_with_history(data, keep=30)
    entry = freeze(data, "2020-Q4", by="Siti", reason="report to the council")
    assert (entry.release_number, entry.figures["ALL"]["women"]) == (1, 1)
    for number in range(2, 34):
        copy_release(data, 1, number)
    vault.attend("t2", date_received=vault.con.execute("SELECT DATE '2020-11-01'").fetchall()[0][0])
    published = vault.publish_with_history(data, keep=30)
    assert published.removed == (2, 3, 4)
    assert numbers(data) == [1, *range(5, 35)]
    kept = sorted(int(path.stem) for path in snapshot_path(data, 1).parent.iterdir())
    assert kept == numbers(data)
    assert damage(data, entry) == ""
    # what is frozen can be rolled back to
    assert rollback(data, 1).number == 1
    table = read_table(published.release.path, "report_frozen")
    line = next(row for row in table if (row["country_code"], row["indicator_code"]) == ("ALL", "people_reached"))
    assert (line["frozen_label"], line["figure_reported"], line["figure_now"], line["difference"]) == (
        "2020-Q4",
        1,
        2,
        1,
    )


def test_two_frozen_releases_are_both_shown_and_the_last_one_is_explained(vault: TinyVault, data: Path) -> None:
    vault.attend("t1", sex="F")
    vault.publish_with_history(data)
    freeze(data, "2020-Q3", by="Siti")
    vault.attend("t2", sex="F", delivery_id="second")
    vault.publish_with_history(data)
    freeze(data, "2020-Q4", by="Siti")
    vault.attend("t3", sex="M", delivery_id="third")
    release = vault.publish_with_history(data, keep=1).release
    assert numbers(data) == [1, 2, 3]
    reported = {
        row["frozen_label"]: row["figure_reported"]
        for row in read_table(release.path, "report_frozen")
        if (row["country_code"], row["indicator_code"]) == ("ALL", "women")
    }
    assert reported == {"2020-Q3": 1, "2020-Q4": 2}
    why = {
        row["baseline"]: (row["baseline_release"], row["by_new_delivery"])
        for row in read_table(release.path, "report_restatement")
        if (row["country_code"], row["indicator_code"]) == ("ALL", "people_reached")
    }
    assert why == {"previous": (2, 1), "frozen:2020-Q4": (2, 1)}
    assert find_baseline(data, "2020-Q3").release.number == find_baseline(data, "frozen:2020-Q3").release.number == 1


def test_a_label_is_used_once_and_is_a_word(vault: TinyVault, data: Path) -> None:
    vault.publish_with_history(data)
    freeze(data, "2020-Q4", by="Siti")
    with pytest.raises(FreezeError, match="2020-Q4 is release 1, frozen on .*take another"):
        freeze(data, "2020-Q4", by="Siti")
    with pytest.raises(FreezeError, match="is no label"):
        freeze(data, "../2020", by="Siti")
    with pytest.raises(PublishError, match="no release 7; kept: 1"):
        freeze(data, "2021", 7, by="Siti")
    assert [entry.label for entry in in_force(data)] == ["2020-Q4"]


def test_letting_go_needs_a_reason_and_stays_on_record(vault: TinyVault, data: Path) -> None:
    vault.publish_with_history(data)
    freeze(data, "2020-Q4", by="Siti")
    with pytest.raises(FreezeError, match="--reason"):
        let_go(data, "2020-Q4", by="Tan", reason=" ")
    let_go(data, "2020-Q4", by="Tan", reason="the wrong release")
    assert in_force(data) == ()
    (entry,) = read_log(data)
    assert (entry.removed_by, entry.removed_why) == ("Tan", "the wrong release")
    with pytest.raises(FreezeError, match="let go.*take another"):
        freeze(data, "2020-Q4", by="Siti")
    with pytest.raises(FreezeError, match="there is none"):
        find_label(data, "2020-Q4")
    vault.publish_with_history(data, keep=1)
    assert numbers(data) == [2]


def test_damage_to_a_frozen_release_is_found(vault: TinyVault, data: Path) -> None:
    vault.attend("t1")
    vault.publish_with_history(data)
    entry = freeze(data, "2020-Q4", by="Siti")
    release = current(data)
    assert release is not None
    snapshot = snapshot_path(data, 1)
    content = snapshot.read_bytes()
    snapshot.unlink()
    assert "record of what it was made of" in damage(data, entry)
    snapshot.write_bytes(content)
    release.path.chmod(0o644)
    with release.path.open("ab") as file:
        file.write(b"\0")
    assert "not those that were built" in damage(data, entry)
    with pytest.raises(PublishError):
        freeze(data, "2021", by="Siti")


def test_without_a_readable_log_nothing_is_published_and_so_nothing_pruned(vault: TinyVault, data: Path) -> None:
    vault.publish_with_history(data)
    freeze(data, "2020-Q4", by="Siti")
    log = data / "releases" / "frozen.json"
    assert log.stat().st_mode & 0o777 == 0o600
    assert json.loads(log.read_text())["frozen"][0]["label"] == "2020-Q4"
    log.write_text("{")
    with pytest.raises(FreezeError, match="restore it from the backup"):
        vault.publish(data, keep=1)
    assert numbers(data) == [1]
