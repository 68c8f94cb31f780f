"""Drafts a partner's contract from one delivery, for `godigital partner new`; every guess is marked.

The draft holds headings and the words of lookup columns, never a name, number or address of a person.
"""

import re
import unicodedata
from pathlib import Path

from flows.normalise.cells import fold_word
from flows.onboarding.known_headings import match_columns, vocabulary
from flows.onboarding.read_sample import SampleTable, read_sample
from flows.onboarding.yaml_text import CONFIRM, scalar
from flows.readers.headers import fold_header
from schemas.languages import MONTH_PATTERN, to_ascii_digits
from schemas.partner import CHOICES, parse_contract
from schemas.programme import load_programme

# ids of fewer characters are parts of one
_WHOLE_ID = 6
_EXPLAINED = 0.4
_MANDATORY = ("full_name", "course_code", "training_date")


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
    table = read_sample(content, file.name, country_code)
    columns = match_columns(table.header)
    text = "\n".join(
        [
            f"# {country_code}/{partner}: drafted from one delivery. Confirm every marked line, then delete the mark.",
            f"name: {scalar(partner)} {CONFIRM}",
            "source: sample",
            "delivery:",
            f"  kind: monthly {CONFIRM}: or cumulative, snapshot, append",
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
            lines = [f"  file_name: {scalar(pattern)} {CONFIRM}"]
            year = re.search(r"\d{4}", match.group())
            if year and 2400 <= int(year.group()) <= 2600:
                lines.append("  calendar: buddhist")
            return lines
    return [f"  # {CONFIRM[2:]}: file_name, a pattern with the groups year and month, where names say the period"]


def _merged(table: SampleTable, columns: dict[str, str]) -> list[str]:
    """Places that stand once for several rows: only a workbook merges cells."""
    if "format: xlsx" not in table.file:
        return []
    merged = []
    for name in ("province", "district"):
        if name in columns:
            at = table.header.index(columns[name])
            stated = sum(bool(row[at]) for row in table.rows if at < len(row))
            if 0 < stated < len(table.rows) / 2:
                merged.append(scalar(columns[name]))
    lines = [f"  fill_down: [{', '.join(merged)}] {CONFIRM}"] if merged else []
    # not shown: a footer tells who wrote it
    short = sum(0 < sum(map(bool, row)) <= 2 for row in table.rows)
    if short:
        lines.append(f"  # {CONFIRM[2:]}: {short} rows hold one or two cells; say subtotal or footer for them")
    return lines


def _columns(table: SampleTable, columns: dict[str, str]) -> list[str]:
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
        lines.append(f"  {name}: {scalar(header)} {CONFIRM}")
    number = columns.get("row_number")
    lines.append(f"row_number: [{scalar(number)}]" if number else "row_number: []")
    rest = [header for header in table.header if header and header not in used and header != number]
    lines.append("ignore:" if rest else "ignore: []")
    return lines + [f"  - {scalar(header)} {CONFIRM}" for header in rest]


def _values(table: SampleTable, columns: dict[str, str], country_code: str) -> list[str]:
    words = vocabulary()
    known = {fold_word(word) for word in words["missing"]}
    seen = {cell for row in table.rows for cell in row if fold_word(cell) in known}
    missing = sorted({"", "-", *seen})
    lines = [f"missing: [{', '.join(scalar(word) for word in missing)}]", *_dates(table, columns)]
    if "national_id" in columns and country_code in words["national_id"]:
        lines.append(f"national_id: {_id_kind(table.values(columns['national_id']), country_code)} {CONFIRM}")
    if country_code in words["honorifics"]:
        lines.append(f"names: {{honorifics: {words['honorifics'][country_code]}}} {CONFIRM}")
    return lines


def _id_kind(ids: list[str], country_code: str) -> str:
    words = vocabulary()
    short = sum(len(text) < _WHOLE_ID for text in ids) > len(ids) / 2
    kinds = words["national_id_part"] if short and country_code in words["national_id_part"] else words["national_id"]
    return str(kinds[country_code])


def _dates(table: SampleTable, columns: dict[str, str]) -> list[str]:
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
    return [f"dates: {{order: {order}{', calendar: buddhist' if buddhist else ''}}} {CONFIRM}"]


def _known_words(table: SampleTable, name: str, header: str) -> dict[str, list[str]]:
    """Our value -> the partner's words, as far as they are known; empty where they explain too little."""
    seen = table.values(header)
    words = vocabulary()["words"]
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


def _lookups(table: SampleTable, columns: dict[str, str]) -> list[str]:
    lines = []
    missing = {fold_word(word) for word in vocabulary()["missing"]}
    for name, header in columns.items():
        if name not in CHOICES or not (known := _known_words(table, name, header)):
            continue
        pairs = ", ".join(
            f"{scalar(ours)}: [{', '.join(scalar(word) for word in theirs)}]" for ours, theirs in known.items()
        )
        lines.append(f"  {name}: {{{pairs}}} {CONFIRM}")
        explained = {word for theirs in known.values() for word in theirs}
        shown = [
            word
            for word in table.common(header, columns)
            if fold_word(word) not in missing | set(map(fold_word, explained))
        ]
        lines += [f"  #   {CONFIRM[2:]}: {scalar(word)}" for word in shown]
    lines += _courses(table, columns)
    return ["lookups:", *lines] if any(not line.lstrip().startswith("#") for line in lines) else lines


def _courses(table: SampleTable, columns: dict[str, str]) -> list[str]:
    if "course_code" not in columns:
        return []
    codes = {code.casefold() for code in load_programme().courses}
    counted = table.values(columns["course_code"])
    titles = [text for text in counted if text.split(" ")[0].casefold() not in codes]
    if not titles or len(titles) * 2 < len(counted):
        return []
    heading = fold_header(columns["course_code"])
    # a column may be taken for the course that says who gave or took it
    is_person = any(word in heading for word in vocabulary()["persons"])
    shown = [] if is_person else [title for title in table.common(columns["course_code"], columns) if title in titles]
    lines = [f"  # {CONFIRM[2:]}: course_code: {{CODE: {scalar(title)}}}" for title in shown]
    if len(titles) > len(shown):
        lines.append(f"  # {CONFIRM[2:]}: course_code: {len(titles) - len(shown)} more titles, not shown here")
    return lines
