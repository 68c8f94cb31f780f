"""Reads one delivery without a contract: finds its encoding, its separator, its sheets and its row of headings."""

import codecs
import csv
import io
import json
import re
import unicodedata
import zipfile
from collections import Counter
from dataclasses import dataclass

from flows.onboarding.known_headings import header_row, vocabulary
from flows.onboarding.yaml_text import CONFIRM, scalar
from flows.readers.headers import fold_header
from flows.readers.sniff import byte_order_mark, describe
from schemas.partner import CHOICES, PERSON_COLUMNS

_MOST_WORDS = 12
# a word in fewer rows can be a person's name in a shifted row
_COMMON = 3
_NAMES = {"full_name", "surname", "given_name"}
# several of our columns become one when published, so all that are no lookups count
_PERSONAL = tuple(name for name in PERSON_COLUMNS if name not in CHOICES)


@dataclass(frozen=True)
class SampleTable:
    """A delivery as far as a draft needs it: its file section, headers, and rows of text."""

    file: tuple[str, ...]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def values(self, header: str) -> list[str]:
        """Distinct texts of a column, the most frequent first."""
        at = self.header.index(header)
        counted = Counter(row[at].strip() for row in self.rows if at < len(row) and row[at].strip())
        return [text for text, _ in counted.most_common()]

    def common(self, header: str, columns: dict[str, str]) -> list[str]:
        """Texts of a column that may be shown: in several rows, and nowhere in a column that may hold persons.

        None where no column of names was recognised: then any column may be it.
        """
        if not _NAMES & set(columns):
            return []
        at = self.header.index(header)
        counted = Counter(row[at].strip() for row in self.rows if at < len(row))
        impersonal = {item for name, item in columns.items() if name not in _PERSONAL}
        personal = {
            text.casefold()
            for other in self.header
            if other and other != header and other not in impersonal
            for text in self.values(other)
        }
        often = [text for text in self.values(header) if counted[text] >= _COMMON]
        return [text for text in often if text.casefold() not in personal][:_MOST_WORDS]


def read_sample(content: bytes, name: str, country_code: str) -> SampleTable:
    """Return the headings and rows of a delivery.

    Raises:
        ValueError: the file is no table that a draft can start from; the message says what to do.
    """
    if content.startswith(b"PK"):
        return _read_xlsx(content, name)
    if content.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"{", b"["):
        return _read_json(content, name)
    if (found := describe(content)) is not None:
        raise ValueError(f"{name}: this is {found}; draft from a CSV, an .xlsx workbook or KoboToolbox data")
    return _read_csv(content, name, country_code)


def _read_xlsx(content: bytes, name: str) -> SampleTable:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    except (CalamineError, zipfile.BadZipFile) as error:
        raise ValueError(f"{name} is no workbook that can be read; save it again as .xlsx") from error
    found: list[tuple[str, int, list[list[str]]]] = []
    without = []
    for sheet in book.sheet_names:
        grid = [[_text(cell) for cell in row] for row in book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)]
        at = header_row(grid)
        if at is None:
            without.append(sheet)
        else:
            found.append((sheet, at, grid))
    if not found:
        raise ValueError(f"{name}: no sheet has a row of headings that is recognised; write the contract by hand")
    lines = ["format: xlsx"]
    starts = {at for _, at, _ in found}
    # without it every sheet's header is found by its words
    lines += [f"header_row: {at + 1}" for at in starts] if len(starts) == 1 else []
    if without:
        lines.append(f"sheets: {{exclude: {scalar('|'.join(re.escape(sheet) for sheet in without))}}} {CONFIRM}")
    return _table(lines, *_stack([grid[at:] for _, at, grid in found]))


def _stack(sheets: list[list[list[str]]]) -> tuple[list[str], list[list[str]]]:
    """The header and rows of all sheets, each cell under its own heading: sheets may order columns otherwise."""
    header = list(sheets[0][0])
    rows = [row for row in sheets[0][1:] if any(row)]
    for own, *cells in sheets[1:]:
        known = {fold_header(heading) for heading in header}
        header += [heading for heading in dict.fromkeys(own) if fold_header(heading) not in known]
        # of a heading that stands twice the first counts, as for the first sheet
        places = [fold_header(heading) for heading in own]
        order = [places.index(key) if (key := fold_header(heading)) in places else None for heading in header]
        rows += [["" if at is None else row[at] for at in order] for row in cells if any(row)]
    return header, rows


def _text(cell: object) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return unicodedata.normalize("NFC", str(cell)).strip()


def _read_json(content: bytes, name: str) -> SampleTable:
    try:
        results = json.loads(content.decode("utf-8-sig"))["results"]
        header = list(dict.fromkeys(key for item in results for key in item.keys()))  # noqa: SIM118  (only objects)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{name} is no page of KoboToolbox data (an object with `results`)") from error
    system = ("_", "meta/", "formhub/")
    own = [key for key in header if not key.startswith(system) and key not in ("start", "end", "today", "deviceid")]
    rows = [["" if item.get(key) is None else str(item.get(key)) for key in own] for item in results]
    return _table(["format: kobo_json"], own, rows)


def _read_csv(content: bytes, name: str, country_code: str) -> SampleTable:
    encoding, text = _decode(content, country_code)
    try:
        delimiter = _delimiter(text)
        grid = [
            [unicodedata.normalize("NFC", cell).strip() for cell in row]
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        ]
    except csv.Error as error:
        raise ValueError(f"{name} cannot be split into cells: {error}; look for a quote that is left open") from error
    at = header_row(grid)
    if at is None:
        raise ValueError(f"{name}: no row of headings is recognised; write the contract by hand")
    shown = "'\\t'" if delimiter == "\t" else scalar(delimiter)
    lines = ["format: csv", f"encoding: {encoding}", f"delimiter: {shown}"]
    if at:
        lines.append(f"header_row: {at + 1}")
    return _table(lines, grid[at], [row for row in grid[at + 1 :] if any(row)])


def _decode(content: bytes, country_code: str) -> tuple[str, str]:
    """Byte-order mark, else UTF-8, else the 8-bit encoding whose letters fit the country's script best."""
    if (marked := byte_order_mark(content)) not in (None, "utf-8"):
        return str(marked), content.decode(str(marked), errors="replace")
    try:
        return "utf-8", content.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    known = vocabulary()["encodings"]
    likely = [known.get(country_code, known["other"]), *known.values()]
    best: tuple[float, str, str] | None = None
    for item in likely:
        text = unicodedata.normalize("NFC", content.decode(item["encoding"], errors="replace"))
        beyond = [letter for letter in text if not letter.isascii()]
        share = len(re.findall(item["letters"], text)) / max(len(beyond), 1)
        # at the same share the country's own comes first
        if best is None or share > best[0]:
            best = (share, item["encoding"], text)
    if best is None:
        raise ValueError("no encoding to try; schemas/headers.yml lists none")
    return best[1], best[2]


def _delimiter(text: str) -> str:
    """The separator that gives most rows the same number of cells, and more than one."""
    lines = text.splitlines()[:60]

    def score(delimiter: str) -> tuple[float, int]:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
        width, often = max(widths.items(), key=lambda item: (item[0] > 1, item[1], item[0]), default=(1, 0))
        return (often / max(sum(widths.values()), 1) if width > 1 else 0.0, width)

    return max((",", ";", "\t", "|"), key=score)


def _table(lines: list[str], header: list[str], rows: list[list[str]]) -> SampleTable:
    return SampleTable(tuple(lines), tuple(header), tuple(tuple(row) for row in rows))
