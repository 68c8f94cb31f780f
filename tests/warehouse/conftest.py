"""Fixtures of the warehouse's tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.warehouse.tiny_vault import TinyVault


@pytest.fixture
def make_vault(tmp_path: Path) -> Iterator[Callable[[], TinyVault]]:
    """Makes empty vaults."""
    made: list[TinyVault] = []

    def make() -> TinyVault:
        made.append(TinyVault(tmp_path / f"vault-{len(made)}"))
        return made[-1]

    yield make
    for vault in made:
        vault.con.close()


@pytest.fixture
def vault(make_vault: Callable[[], TinyVault]) -> TinyVault:
    """An empty vault."""
    return make_vault()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder that is not there yet."""
    return tmp_path / "data"
