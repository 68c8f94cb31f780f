"""Notices that a partner's folder was renamed: a partner is known by its folder, and its rows would count twice.

Only what a new partner has in common, byte by byte, with one whose folder is gone can show it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from flows.sources.landed import Pulled
from schemas.partner import Partner, Provider

if TYPE_CHECKING:
    import duckdb


def renamed_partners(
    con: "duckdb.DuckDBPyConnection", pulls: Iterable[Pulled], providers: Sequence[Provider]
) -> dict[str, str]:
    """Return partner_id -> sentence for whoever sends, for the first time, files of a partner whose folder is gone.

    Args:
        con: The vault, in which nothing of these pulls is registered yet.
        pulls: What was landed now.
        providers: Who was pulled from.
    """
    known = {row[0] for row in con.execute("SELECT DISTINCT partner_id FROM landed_file").fetchall()}
    partners = {item.partner_id: item for item in providers if isinstance(item, Partner)}
    new = [pulled for pulled in pulls if pulled.landed and pulled.partner_id in partners.keys() - known]
    if not new:
        return {}
    sent: dict[str, set[str]] = {}
    for partner_id, digest in con.execute("SELECT partner_id, sha256 FROM landed_file").fetchall():
        sent.setdefault(partner_id, set()).add(digest)
    found = {pulled.partner_id: _say_renamed(pulled, partners[pulled.partner_id], sent) for pulled in new}
    return {partner_id: sentence for partner_id, sentence in found.items() if sentence}


def _say_renamed(pulled: Pulled, partner: Partner, sent: Mapping[str, set[str]]) -> str:
    digests = {row.sha256 for row in pulled.landed}
    for other, theirs in sorted(sent.items()):
        country, _, name = other.partition("-")
        folder = partner.folder.parent / name
        if country == partner.country_code and digests & theirs and not folder.exists():
            return (
                f"{partner.partner_id}: {len(digests & theirs)} of its files came from {other} before, whose folder is "
                f"gone: it looks renamed, and everything would count twice. Nothing of it is taken in: call the folder "
                f"{folder} again, and write another name under `name` in its contract"
            )
    return ""
