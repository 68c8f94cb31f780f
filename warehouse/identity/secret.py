"""The secret key of a vault, and the trainee ids that are minted under it."""

import base64
import hashlib
import hmac
import secrets

import duckdb

from warehouse.storage import files
from warehouse.storage.data_folder import DataFolder
from warehouse.vault.open import VaultError

_SECRET_BYTES = 32


_NO_KEY = (
    "Nothing is published, because people would get other ids: restore it from the backup. Without a backup, move "
    "the vault away, too, and everything is rebuilt from the sources, with new ids for everybody"
)


def identity_secret(data: DataFolder) -> bytes:
    """Return the vault's secret (32 bytes); the first call makes it.

    Raises:
        VaultError: the file is damaged.
    """
    files.private_folder(data.private)
    if not data.secret.exists():
        files.write_durably(data.secret, secrets.token_hex(32).encode("ascii"))
    try:
        secret = bytes.fromhex(data.secret.read_text(encoding="ascii").strip())
    except ValueError:
        secret = b""
    if len(secret) != _SECRET_BYTES:
        raise VaultError(f"{data.secret}: the key is damaged. {_NO_KEY}")
    return secret


def secret_of_register(con: duckdb.DuckDBPyConnection, data: DataFolder) -> bytes:
    """Return the vault's secret, from which the ids of its register were minted; make one for an empty register.

    Raises:
        VaultError: the key is missing, damaged or another one: people would get other ids.
    """
    if not data.secret.exists() and con.execute("SELECT count(*) FROM register").fetchall() != [(0,)]:
        raise VaultError(f"{data.secret}: the key is gone. {_NO_KEY}")
    secret = identity_secret(data)
    if not is_key_of(con, secret):
        raise VaultError(f"{data.secret}: this is not the key that the ids in the vault were minted under. {_NO_KEY}")
    return secret


_ID_LETTERS = 18


def mint(secret: bytes, record_id: str, salt: int = 0) -> str:
    """Return the trainee id that a founding record gives: a keyed hash (HMAC-SHA256), opaque without the secret."""
    return opaque_id(secret, record_id if salt == 0 else f"{record_id} {salt}", "t")


def is_key_of(con: duckdb.DuckDBPyConnection, secret: bytes) -> bool:
    """Return whether an id of the register was minted from this key; True if the register is empty.

    A trainee keeps the record that its id was minted from, so one match is enough, and the first row nearly always is.
    """
    cursor = con.execute("SELECT record_id, trainee_id FROM register ORDER BY founding_order, record_id")
    is_empty = True
    while rows := cursor.fetchmany(10_000):
        is_empty = False
        if any(mint(secret, record_id) == trainee_id for record_id, trainee_id in rows):
            return True
    return is_empty


def opaque_id(secret: bytes, text: str, prefix: str) -> str:
    """Return a keyed hash (HMAC-SHA256) of `text`, after a letter for the kind of id."""
    digest = hmac.new(secret, text.encode("utf-8"), hashlib.sha256).digest()
    return prefix + base64.b32encode(digest).decode("ascii").lower()[: _ID_LETTERS - len(prefix)]
