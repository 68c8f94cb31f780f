"""Whether every landed file is what its name says, and is there: the name is its SHA-256."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from schemas.survey import SURVEY_FOLDER, SURVEY_NAME
from warehouse.doctor.observed import Observed, State, counted, named
from warehouse.storage.files import sha256_of

AREA = "landed files"
_HASH = re.compile(r"[0-9a-f]{64}")
_LANDING = "deliveries"


def landing_folders(raw: Path) -> dict[Path, tuple[str, ...]]:
    """Return every folder of landed files -> the countries whose locks a pull into it holds; broken contracts' too."""
    partners = {folder: (folder.parts[-3],) for folder in sorted(raw.glob(f"[A-Z][A-Z]/*/{_LANDING}"))}
    surveys = {
        folder: (match[1],)
        for folder in sorted((raw / SURVEY_FOLDER / _LANDING).glob("*"))
        if (match := SURVEY_NAME.fullmatch(folder.name))
    }
    return {folder: countries for folder, countries in (partners | surveys).items() if folder.is_dir()}


def landing_folder_of(raw: Path, partner_id: str) -> Path:
    """Return where files of a partner (`VN-TYM`) or a survey (`survey/VN`) land, whether it has a contract or not."""
    survey = partner_id.removeprefix(f"{SURVEY_FOLDER}/")
    if survey != partner_id:
        return raw / SURVEY_FOLDER / _LANDING / survey
    country, _, folder = partner_id.partition("-")
    return raw / country / folder / _LANDING


def examine_landed(raw: Path, folders: Sequence[Path], rows: Sequence[tuple[str, str, int]] | None) -> list[Observed]:
    """Return what is to be said of landed files, each read whole.

    Args:
        raw: The folder of contracts.
        folders: All landing folders.
        rows: (partner_id, path below the landing folder, bytes) of what the vault knows; None where it was not read.
    """
    names = {folder: folder.relative_to(raw).as_posix() for folder in folders}
    files = {path: folder for folder in folders for path in _files(folder)}
    damaged = [path for path in files if _HASH.fullmatch(path.name) and sha256_of(path) != path.name]
    foreign = [path for path in files if not _HASH.fullmatch(path.name)]
    observed = [
        Observed(
            AREA,
            State.FAILURE,
            f"{names[files[path]]}: {path.name[:12]}... is no longer what was landed.",
            f"take it from a backup; or, if its source still has it, move {path} away and run again",
        )
        for path in damaged
    ]
    if foreign:
        sentence = f"{counted(len(foreign), 'file')} among landed ones that no pull put there."
        where = named(dict.fromkeys(names[files[path]] for path in foreign))
        observed.append(
            Observed(AREA, State.WARNING, sentence, f"look into {where}, and move away what is no landed file")
        )
    if rows is not None:
        observed += _held_against_the_vault(raw, files, rows)
    if not observed and files:
        observed.append(Observed(AREA, State.OK, f"{counted(len(files), 'file')} read again, each what was landed."))
    return observed


def _files(folder: Path) -> Iterator[Path]:
    for below, _, names in os.walk(folder):
        yield from (Path(below, name) for name in sorted(names) if not name.endswith(".part"))


def _held_against_the_vault(
    raw: Path, files: Mapping[Path, Path], rows: Sequence[tuple[str, str, int]]
) -> Iterator[Observed]:
    known = {landing_folder_of(raw, partner_id) / path: partner_id for partner_id, path, _ in rows}
    lost: dict[str, int] = {}
    for path, partner_id in known.items():
        if path not in files:
            lost[partner_id] = lost.get(partner_id, 0) + 1
    for partner_id, count in sorted(lost.items()):
        sentence = f"{partner_id}: {counted(count, 'landed file')} that the vault knows are gone; what counts stays."
        action = "take them from a backup with deliveries, or run again if the source still has them: without them "
        yield Observed(AREA, State.FAILURE, sentence, f"{action}nothing can be reprocessed")
    unknown = [path for path in files if _HASH.fullmatch(path.name) and path not in known]
    if unknown:
        sentence = (
            f"{counted(len(unknown), 'landed file')} the vault does not know, of a pull that was cut off or held back."
        )
        yield Observed(AREA, State.WARNING, sentence, "nothing; the next run takes in what its source still has")
