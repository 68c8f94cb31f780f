"""A bit that flips, a file that is cut or gone: found and named, never published, and what the message says heals."""

import pytest

from tests.faults.conftest import play_apart, require_healed
from tests.faults.scenarios import DAMAGES

# one worker, so that everything is damaged once
pytestmark = pytest.mark.xdist_group("damage")

# what is damaged -> exit code, what readers have after the run, words of the message, what they have in the end
EXPECTED = {
    "vault cut": (1, "old", "vault.duckdb: the vault cannot be opened", "new"),
    "vault emptied": (1, "old", "vault.duckdb: the vault cannot be opened", "new"),
    "vault overwritten": (1, "old", "vault.duckdb: the vault cannot be opened", "new"),
    "key flipped": (1, "old", "identity.key: this is not the key", "new"),
    "key cut": (1, "old", "identity.key: the key is damaged", "new"),
    "key gone": (1, "old", "identity.key: the key is gone", "new"),
    # what was read of it before still counts, and the rest of the run goes on
    "landed file flipped": (2, "new", "landed_file_damaged", "new"),
    "landed file cut": (2, "old", "is damaged; move it away", "new"),
    "release flipped": (0, "new", "000002.duckdb: the file is not, byte by byte, what was published", "new"),
    "release flipped, nothing new": (0, "old", "000002.duckdb: the file is not, byte by byte", "old"),
    "release cut, nothing new": (0, "old", "000002.duckdb: the file is not, byte by byte", "old"),
    "release gone, nothing new": (0, "old", "leads to release 2, of which the file or its manifest is gone", "old"),
    "manifest cut": (0, "new", "000002.json: the manifest of release 2 cannot be read", "new"),
    "manifest flipped, nothing new": (0, "old", "000002.json: the manifest of release 2 cannot be read", "old"),
    "snapshot flipped": (0, "new", "000002.parquet: the record of what release 2 was made of is damaged", "new"),
    "note of a rollback cut": (1, "old", "rolled_back.json: the note of a rollback cannot be read", "new"),
    "log of frozen releases cut": (1, "old", "frozen.json: the log of frozen releases cannot be read", "new"),
}


# one of a kind; the others are run on request
USUAL = (
    "vault cut",
    "key flipped",
    "key gone",
    "landed file flipped",
    "landed file cut",
    "release flipped, nothing new",
    "manifest cut",
    "snapshot flipped",
    "note of a rollback cut",
)
FLIPS = 6


@pytest.fixture(scope="module")
def played(prepared):
    results = play_apart("scenarios", prepared, *USUAL, *flips(prepared, FLIPS, offset=4321)[:4])
    return {found["name"]: found for found in results}


def require_named(found):
    code, stands, words, healed = EXPECTED[found["name"]]
    assert (found["code"], found["stands"]) == (code, stands), found["said"]
    assert words in found["said"]
    assert "Traceback" not in found["said"]
    # what to do: by hand where it is an error, by itself where the run has published anew
    actions = ("estore it from", "move it away", "move the copy away", "anew", "published")
    assert any(word in found["said"] for word in actions)
    require_healed(found["healed"], healed)


def test_every_damage_has_an_expectation():
    assert set(EXPECTED) == set(DAMAGES)


@pytest.mark.parametrize("name", USUAL)
def test_damage_is_named_and_never_published_and_what_the_message_says_heals(played, name):
    require_named(played[name])


@pytest.mark.long
def test_every_other_damage_is_named_and_never_published_and_what_the_message_says_heals(prepared):
    for found in play_apart("scenarios", prepared, *(name for name in DAMAGES if name not in USUAL)):
        require_named(found)


def flips(prepared, step, offset=0):
    size = (prepared / "data" / "private" / "vault.duckdb").stat().st_size
    return [f"vault {at}" for at in range(offset, size, size // step)]


def require_found_or_harmless(found):
    where = f"{found['name']}: {found['said'][-1000:]}"
    assert "Traceback" not in found["said"], where
    # in a block that is free, or is not read, it changes nothing
    assert (found["code"], found["stands"]) in ((1, "old"), (0, "new")), where
    if found["code"] == 1:
        assert "vault.duckdb: the vault" in found["said"], where
        assert "backup" in found["said"], where
    require_healed(found["healed"])


def test_a_bit_that_flips_anywhere_in_the_vault_is_found_or_changes_nothing(played):
    results = [found for name, found in played.items() if name not in EXPECTED]
    for found in results:
        require_found_or_harmless(found)
    assert {found["code"] for found in results} >= {1}


@pytest.mark.long
def test_a_bit_that_flips_in_any_of_hundreds_of_places_in_the_vault_is_found_or_changes_nothing(prepared):
    for found in play_apart("scenarios", prepared, *flips(prepared, 300)):
        require_found_or_harmless(found)
