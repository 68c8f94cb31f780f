"""The data dictionary names everything, in HTML and in Markdown, and needs nothing beside it."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from lxml import html
from typer.testing import CliRunner

from flows.commands.app import app
from schemas.programme import load_programme
from schemas.published import PUBLISHED_TABLES, Table
from warehouse.export.dictionary import data_dictionary_html, data_dictionary_markdown
from warehouse.release.indicators import WORDS, Indicator, load_catalogue

FORMS = pytest.mark.parametrize("dictionary", [data_dictionary_html, data_dictionary_markdown])
VOID = {"meta", "br", "hr", "img", "input", "link"}
NASTY = '<script>alert("&")</script> | `code` *bold*'


def words_of(text: str) -> str:
    """What a reader sees of a page or of Markdown, without marks and with blanks made equal."""
    shown = " ".join(html.fromstring(text).itertext()) if text.startswith("<!doctype") else text
    return " ".join(re.sub(r"[\\`|]", " ", shown).split())


@FORMS
@pytest.mark.parametrize("table", PUBLISHED_TABLES, ids=lambda table: table.name)
def test_every_table_stands_there_with_its_grain_and_whether_its_lines_add_up(
    dictionary: Callable[[], str], table: Table
) -> None:
    words = words_of(dictionary())
    for said in (table.name, table.description, table.grain, table.addition, ", ".join(table.key)):
        assert words_of(said) in words


@FORMS
@pytest.mark.parametrize("table", PUBLISHED_TABLES, ids=lambda table: table.name)
def test_every_column_stands_in_its_table_with_type_unit_choices_and_meaning(
    dictionary: Callable[..., str], table: Table
) -> None:
    words = words_of(dictionary([table], [], load_programme()))
    for column in table.columns:
        line = " ".join(filter(None, (column.name, column.type, column.unit, column.description)))
        assert words_of(line) in words
        assert ", ".join(column.choices) in words


@FORMS
@pytest.mark.parametrize("item", load_catalogue(), ids=lambda item: item.code)
def test_every_indicator_stands_there_in_words(dictionary: Callable[[], str], item: Indicator) -> None:
    words = words_of(dictionary())
    for name in WORDS:
        assert words_of(getattr(item, name)) in words


@FORMS
def test_bands_and_targets_stand_there_with_their_sources(dictionary: Callable[[], str]) -> None:
    words, rules = words_of(dictionary()), load_programme()
    for code, band in rules.youth_bands.items():
        assert code in words
        assert band.source in words
    assert all(band.label in words for bands in rules.age_bands.values() for band in bands)
    for code, target in rules.targets.items():
        assert code in words
        assert target.source in words
    assert "200,000 people" in words
    assert "60% of people reached" in words


@FORMS
def test_the_dictionary_leads_nowhere_outside(dictionary: Callable[[], str]) -> None:
    page = dictionary()
    assert re.findall(r"(?i)https?:|//|<script|@import|url\(|<link|\bsrc=|\bon\w+=", page) == []


def test_every_link_of_the_page_leads_to_one_place_on_it() -> None:
    page = html.fromstring(data_dictionary_html())
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    links = page.xpath("//a/@href")
    assert links
    assert {link.removeprefix("#") for link in links} <= set(ids)
    assert set(page.xpath("//@aria-labelledby")) <= set(ids)


def test_the_contents_lead_to_every_table_and_indicator() -> None:
    links = html.fromstring(data_dictionary_html()).xpath("//nav//a/@href")
    assert {f"#{table.name}" for table in PUBLISHED_TABLES} <= set(links)
    assert {f"#indicator-{item.code}" for item in load_catalogue()} <= set(links)


def test_every_element_of_the_page_is_closed() -> None:
    class Nesting(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag not in VOID:
                self.open.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    page = Nesting()
    page.feed(data_dictionary_html())
    assert page.open == []


def test_the_page_can_be_read_by_everybody() -> None:
    page = html.fromstring(data_dictionary_html())
    assert page.get("lang") == "en"
    assert page.xpath("//title/text()")
    assert len(page.xpath("//main")) == len(page.xpath("//h1")) == 1
    assert all(table.xpath("./caption/text()") for table in page.xpath("//table"))
    assert all(head.get("scope") in ("col", "row") for head in page.xpath("//th"))
    levels = [int(head.tag[1]) for head in page.xpath("//h1|//h2|//h3|//h4")]
    assert all(later - earlier <= 1 for earlier, later in zip(levels, levels[1:], strict=False))


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2.2)."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("ink", ["ink", "soft", "blue"])
@pytest.mark.parametrize("paper", ["#ffffff", "wash"])
def test_text_has_the_contrast_that_wcag_asks_for(ink: str, paper: str) -> None:
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", data_dictionary_html()))
    light, dark = luminance(colours.get(paper, paper)), luminance(colours[ink])
    assert (light + 0.05) / (dark + 0.05) >= 4.5


@FORMS
def test_what_is_said_is_shown_and_never_run(dictionary: Callable[..., str]) -> None:
    table = Table("made_up", NASTY, (), ("sex",), grain=NASTY, addition=NASTY, holds_people=True)
    item = Indicator("made_up", *[NASTY] * (len(WORDS) - 1))
    page = dictionary([table], [item], load_programme())
    assert "<script" not in page
    shown = words_of(page) if page.startswith("<!doctype") else page.replace("\\*", "*")
    assert shown.count("*bold*") >= 10


def test_the_command_writes_both_forms_beside_the_releases(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["docs", "--data", str(tmp_path / "data")])
    assert done.exit_code == 0, done.output
    folder = tmp_path / "data" / "docs"
    assert (folder / "data-dictionary.html").read_text(encoding="utf-8") == data_dictionary_html()
    assert (folder / "data-dictionary.md").read_text(encoding="utf-8") == data_dictionary_markdown()


def test_the_command_writes_where_it_is_told(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["docs", "--out", str(tmp_path / "here")]).exit_code == 0
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == ["data-dictionary.html", "data-dictionary.md"]
