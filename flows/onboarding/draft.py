"""Drafts a partner's contract from one delivery, for `godigital partner new`; whatever is guessed is marked.

It writes headers and the words of lookup columns, never a name, number or address of a person.
"""

import codecs
import csv
import io
import json
import math
import re
import unicodedata
import zipfile
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from rapidfuzz import fuzz

import schemas
from flows.normalise.cells import fold_word
from flows.readers.headers import fold_header
from flows.readers.sniff import byte_order_mark, describe
from schemas.languages import MONTH_PATTERN, to_ascii_digits
from schemas.partner import CHOICES, PERSON_COLUMNS, parse_contract
from schemas.programme import load_programme
from schemas.yaml_file import read_yaml

HEADERS_FILE = Path(schemas.__file__).parent / "headers.yml"
_CONFIRM = "# to be confirmed"
# how alike a header must be to a known word, of 100; below, half of the guesses are wrong
_ALIKE = 86
_MOST_WORDS = 12
# a word of fewer rows may be anything, a person's name in a slipped row included
_COMMON = 3
# ids of fewer characters are parts of one
_WHOLE_ID = 6
_EXPLAINED = 0.4
_HEADER_WITHIN = 50
_MANDATORY = ("full_name", "course_code", "training_date")
_NAMES = {"full_name", "surname", "given_name"}
# several of our columns become one when published, so all that are no lookups count
_PERSONAL = tuple(name for name in PERSON_COLUMNS if name not in CHOICES)
# numbers of six signs and more, days, and addresses are nobody's heading
_NO_HEADING = re.compile(r"[+\d][\d\s/.:()T-]{5,}|\S+@\S+")


@dataclass(frozen=True)
class _Table:
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


@cache
def _vocabulary() -> dict[str, Any]:
    loaded: dict[str, Any] = read_yaml(HEADERS_FILE)
    return loaded


def draft_contract(file: Path, country_code: str, partner: str) -> str:
    """Return the text of a partner.yml for deliveries like `file`; it parses, and says what to confirm.

    Args:
        file: One delivery: XLSX, CSV in any encoding, or a page of KoboToolbox JSON.
        country_code: Decides which encodings, ids and titles are likely.
        partner: Folder name of the partner.

    Raises:
        ValueError: the file is empty, or nothing in it looks like a table.
    """
    content = file.read_bytes()
    if not content.strip():
        raise ValueError(f"{file.name} is empty; draft from a delivery that has rows")
    table = _read(content, file.name, country_code)
    columns = _match_columns(table)
    text = "\n".join(
        [
            f"# {country_code}/{partner}: drafted from one delivery. Confirm every marked line, then delete the mark.",
            f"name: {_scalar(partner)} {_CONFIRM}",
            "source: sample",
            "delivery:",
            f"  kind: monthly {_CONFIRM}: or cumulative, snapshot, append",
            *_file_name(file.name),
            "file:",
            *(f"  {line}" for line in table.file),
            *_merged(table, columns),
            *_columns(table, columns),
            *_values(table, columns, country_code),
            *_lookups(table, columns),
            "",
        ]
    )
    parse_contract(text, Path(country_code) / partner / "partner.yml")
    return text


# -- reading -----------------------------------------------------------------------------------------------------


def _read(content: bytes, name: str, country_code: str) -> _Table:
    if content.startswith(b"PK"):
        return _read_xlsx(content, name)
    if content.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"{", b"["):
        return _read_json(content, name)
    if (found := describe(content)) is not None:
        raise ValueError(f"{name}: this is {found}; draft from a CSV, an .xlsx workbook or KoboToolbox data")
    return _read_csv(content, name, country_code)


def _read_xlsx(content: bytes, name: str) -> _Table:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    except (CalamineError, zipfile.BadZipFile) as error:
        raise ValueError(f"{name} is no workbook that can be read; save it again as .xlsx") from error
    found: list[tuple[str, int, list[list[str]]]] = []
    without = []
    for sheet in book.sheet_names:
        grid = [[_text(cell) for cell in row] for row in book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)]
        at = _header_row(grid)
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
        lines.append(f"sheets: {{exclude: {_scalar('|'.join(re.escape(sheet) for sheet in without))}}} {_CONFIRM}")
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


def _read_json(content: bytes, name: str) -> _Table:
    try:
        results = json.loads(content.decode("utf-8-sig"))["results"]
        header = list(dict.fromkeys(key for item in results for key in item.keys()))  # noqa: SIM118  (only objects)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{name} is no page of KoboToolbox data (an object with `results`)") from error
    system = ("_", "meta/", "formhub/")
    own = [key for key in header if not key.startswith(system) and key not in ("start", "end", "today", "deviceid")]
    rows = [["" if item.get(key) is None else str(item.get(key)) for key in own] for item in results]
    return _table(["format: kobo_json"], own, rows)


def _read_csv(content: bytes, name: str, country_code: str) -> _Table:
    encoding, text = _decode(content, country_code)
    try:
        delimiter = _delimiter(text)
        grid = [
            [unicodedata.normalize("NFC", cell).strip() for cell in row]
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        ]
    except csv.Error as error:
        raise ValueError(f"{name} cannot be split into cells: {error}; look for a quote that is left open") from error
    at = _header_row(grid)
    if at is None:
        raise ValueError(f"{name}: no row of headings is recognised; write the contract by hand")
    shown = "'\\t'" if delimiter == "\t" else _scalar(delimiter)
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
    known = _vocabulary()["encodings"]
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


def _header_row(grid: list[list[str]]) -> int | None:
    """The row, of the first fifty, in which most words are known; None where none has two.

    A row with a day, a long number or an address is somebody's: a file without header must not pass one off.
    """
    scores = [
        0
        if any(_NO_HEADING.fullmatch(to_ascii_digits(cell)) for cell in row)
        else sum(_best_match(cell)[1] >= _ALIKE for cell in row if cell)
        for row in grid[:_HEADER_WITHIN]
    ]
    best = max(scores, default=0)
    return scores.index(best) if best >= 2 else None


def _table(lines: list[str], header: list[str], rows: list[list[str]]) -> _Table:
    return _Table(tuple(lines), tuple(header), tuple(tuple(row) for row in rows))


# -- guessing ----------------------------------------------------------------------------------------------------


@cache
def _best_match(header: str) -> tuple[str, float]:
    """The canonical column a header is most like, or row_number, and how much of 100."""
    # a form's questions stand in groups: grp_person/full_name
    name = header.rsplit("/", 1)[-1] if header.islower() and " " not in header else header
    folded = re.sub(r"\s*\(.*?\)", "", fold_header(name))
    words = _vocabulary()
    candidates = [("row_number", words["row_number"]), *words["columns"].items()]
    best = ("", 0.0)
    for column, known in candidates:
        for word in known:
            score = _likeness(folded.replace("_", " "), word.replace("_", " "))
            if score > best[1]:
                best = (column, score)
    return best


def _likeness(header: str, word: str) -> float:
    if header == word:
        return 100.0
    # a question that holds the word whole is like it; a short word inside a long one is chance
    if len(word) >= 4 and (found := re.search(rf"(?:^|\W){re.escape(word)}(?:\W|$)", header)):
        # what a question asks for stands before what it is about; of two there, the longer
        return 88.0 + 6 * (1 - found.start() / len(header)) + 2 * len(word) / len(header)
    return float(fuzz.ratio(header, word)) if len(word) >= 4 else 0.0


def _match_columns(table: _Table) -> dict[str, str]:
    """Canonical column -> header; each is used once, the best match first."""
    ranked = sorted(
        ((score, name, header) for header in table.header if header for name, score in [_best_match(header)]),
        key=lambda item: (-item[0], table.header.index(item[2])),
    )
    found: dict[str, str] = {}
    for score, name, header in ranked:
        if score >= _ALIKE and name not in found:
            found[name] = header
    return found


def _file_name(name: str) -> list[str]:
    stem = to_ascii_digits(unicodedata.normalize("NFC", Path(name).stem))
    patterns = (
        (r"20\d\d[-_.]\d\d", r"(?P<year>\d{4})[-_.](?P<month>\d{2})"),
        (r"20\d\d[-_. ]?Q[1-4]", r"(?P<year>\d{4})[-_. ]?Q(?P<quarter>[1-4])"),
        (r"Q[1-4][-_. ]?20\d\d", r"Q(?P<quarter>[1-4])[-_. ]?(?P<year>\d{4})"),
        (r"25\d\d[-_.]\d\d", r"(?P<year>\d{4})[-_.](?P<month>\d{2})"),
        (r"(?<!\d)20\d\d[01]\d(?!\d)", r"(?P<year>\d{4})(?P<month>\d{2})"),
        (r"(?<!\d)[01]\d20\d\d(?!\d)", r"(?P<month>\d{2})(?P<year>\d{4})"),
        (rf"(?:{MONTH_PATTERN})[-_. ]?\d{{4}}", r"(?P<month>[^\d_\s-]+)[-_. ]?(?P<year>\d{4})"),
        (rf"(?:{MONTH_PATTERN})[-_. ]?\d{{2}}(?!\d)", r"(?P<month>[A-Z][a-z]{2})(?P<year>\d{2})"),
    )
    for seen, pattern in patterns:
        if match := re.search(seen, stem, re.IGNORECASE):
            lines = [f"  file_name: {_scalar(pattern)} {_CONFIRM}"]
            year = re.search(r"\d{4}", match.group())
            if year and 2400 <= int(year.group()) <= 2600:
                lines.append("  calendar: buddhist")
            return lines
    return [f"  # {_CONFIRM[2:]}: file_name, a pattern with the groups year and month, where names say the period"]


def _merged(table: _Table, columns: dict[str, str]) -> list[str]:
    """Places that stand once for several rows: only a workbook merges cells."""
    if "format: xlsx" not in table.file:
        return []
    merged = []
    for name in ("province", "district"):
        if name in columns:
            at = table.header.index(columns[name])
            stated = sum(bool(row[at]) for row in table.rows if at < len(row))
            if 0 < stated < len(table.rows) / 2:
                merged.append(_scalar(columns[name]))
    lines = [f"  fill_down: [{', '.join(merged)}] {_CONFIRM}"] if merged else []
    # not shown: a footer tells who wrote it
    short = sum(0 < sum(map(bool, row)) <= 2 for row in table.rows)
    if short:
        lines.append(f"  # {_CONFIRM[2:]}: {short} rows hold one or two cells; say subtotal or footer for them")
    return lines


def _columns(table: _Table, columns: dict[str, str]) -> list[str]:
    usable = {name: header for name, header in columns.items() if name != "row_number"}
    lines = ["columns:"]
    has_name = "full_name" in usable or {"surname", "given_name"} & set(usable)
    for name in _MANDATORY:
        if name not in usable and not (name == "full_name" and has_name):
            lines.append(f"  {name}: TODO # TODO: no heading was recognised; write theirs")
    used = set()
    for name, header in usable.items():
        if name in CHOICES and not _known_words(table, name, header):
            continue
        used.add(header)
        lines.append(f"  {name}: {_scalar(header)} {_CONFIRM}")
    number = columns.get("row_number")
    lines.append(f"row_number: [{_scalar(number)}]" if number else "row_number: []")
    rest = [header for header in table.header if header and header not in used and header != number]
    lines.append("ignore:" if rest else "ignore: []")
    return lines + [f"  - {_scalar(header)} {_CONFIRM}" for header in rest]


def _values(table: _Table, columns: dict[str, str], country_code: str) -> list[str]:
    words = _vocabulary()
    known = {fold_word(word) for word in words["missing"]}
    seen = {cell for row in table.rows for cell in row if fold_word(cell) in known}
    missing = sorted({"", "-", *seen})
    lines = [f"missing: [{', '.join(_scalar(word) for word in missing)}]", *_dates(table, columns)]
    if "national_id" in columns and country_code in words["national_id"]:
        lines.append(f"national_id: {_id_kind(table.values(columns['national_id']), country_code)} {_CONFIRM}")
    if country_code in words["honorifics"]:
        lines.append(f"names: {{honorifics: {words['honorifics'][country_code]}}} {_CONFIRM}")
    return lines


def _id_kind(ids: list[str], country_code: str) -> str:
    words = _vocabulary()
    short = sum(len(text) < _WHOLE_ID for text in ids) > len(ids) / 2
    kinds = words["national_id_part"] if short and country_code in words["national_id_part"] else words["national_id"]
    return str(kinds[country_code])


def _dates(table: _Table, columns: dict[str, str]) -> list[str]:
    texts = [
        to_ascii_digits(text)
        for name in ("birth_date", "training_date")
        if name in columns
        for text in table.values(columns[name])
    ]
    parts = [match.groups() for text in texts if (match := re.match(r"(\d{1,4})\D+(\d{1,4})(?:\D+(\d{2,4}))?", text))]
    if parts and sum(len(part[0]) == 4 for part in parts) > len(parts) / 2:
        order = "ymd"
    else:
        month_first = sum(int(part[0]) <= 12 < int(part[1]) for part in parts if part[2] is not None)
        order = "mdy" if month_first > sum(int(part[0]) > 12 for part in parts) else "dmy"
    years = [int(year) for text in texts for year in re.findall(r"(?<!\d)\d{4}(?!\d)", text)]
    buddhist = sum(2400 <= year <= 2600 for year in years) > len(years) / 2
    return [f"dates: {{order: {order}{', calendar: buddhist' if buddhist else ''}}} {_CONFIRM}"]


def _known_words(table: _Table, name: str, header: str) -> dict[str, list[str]]:
    """Our value -> the partner's words, as far as they are known; empty where they explain too little."""
    seen = table.values(header)
    words = _vocabulary()["words"]
    known = words[name] if name in words else words["yes_no"]
    # a heading may explain its own codes: SEX (1=M, 2=F)
    legend = {fold_word(code): fold_word(said) for code, said in re.findall(r"(\w+)\s*=\s*(\w+)", header)}
    found: dict[str, list[str]] = {}
    for ours, theirs in known.items():
        folded = {fold_word(item) for item in theirs}
        hits = [word for word in seen if legend.get(fold_word(word), fold_word(word)) in folded]
        if hits:
            found[ours] = hits
    # a column of which most rows say something else is another column; ethnic groups have many words
    at = table.header.index(header)
    explained = {word for theirs in found.values() for word in theirs}
    stated = [row[at].strip() for row in table.rows if at < len(row) and row[at].strip()]
    share = sum(text in explained for text in stated) / max(len(stated), 1)
    return found if share >= _EXPLAINED else {}


def _lookups(table: _Table, columns: dict[str, str]) -> list[str]:
    lines = []
    missing = {fold_word(word) for word in _vocabulary()["missing"]}
    for name, header in columns.items():
        if name not in CHOICES or not (known := _known_words(table, name, header)):
            continue
        pairs = ", ".join(
            f"{_scalar(ours)}: [{', '.join(_scalar(word) for word in theirs)}]" for ours, theirs in known.items()
        )
        lines.append(f"  {name}: {{{pairs}}} {_CONFIRM}")
        explained = {word for theirs in known.values() for word in theirs}
        shown = [
            word
            for word in table.common(header, columns)
            if fold_word(word) not in missing | set(map(fold_word, explained))
        ]
        lines += [f"  #   {_CONFIRM[2:]}: {_scalar(word)}" for word in shown]
    lines += _courses(table, columns)
    return ["lookups:", *lines] if any(not line.lstrip().startswith("#") for line in lines) else lines


def _courses(table: _Table, columns: dict[str, str]) -> list[str]:
    if "course_code" not in columns:
        return []
    codes = {code.casefold() for code in load_programme().courses}
    counted = table.values(columns["course_code"])
    titles = [text for text in counted if text.split(" ")[0].casefold() not in codes]
    if not titles or len(titles) * 2 < len(counted):
        return []
    heading = fold_header(columns["course_code"])
    # a column may be taken for the course that says who gave or took it
    is_person = any(word in heading for word in _vocabulary()["persons"])
    shown = [] if is_person else [title for title in table.common(columns["course_code"], columns) if title in titles]
    lines = [f"  # {_CONFIRM[2:]}: course_code: {{CODE: {_scalar(title)}}}" for title in shown]
    if len(titles) > len(shown):
        lines.append(f"  # {_CONFIRM[2:]}: course_code: {len(titles) - len(shown)} more titles, not shown here")
    return lines


def _scalar(text: str) -> str:
    """A YAML scalar on one line that reads back as the same text; a line break in it becomes a blank."""
    text = re.sub(r"[\r\n\x85\u2028\u2029]+", " ", text)
    plain = re.fullmatch(r"[^\W\d_][^:#\[\]{},&*!|>'\"%@`]*", text) and text == text.strip()
    reserved = text.casefold() in ("null", "true", "false", "yes", "no", "on", "off", "~", "y", "n")
    if not text.isprintable():
        return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=math.inf).rstrip("\n")
    return text if plain and not reserved else "'" + text.replace("'", "''") + "'"
