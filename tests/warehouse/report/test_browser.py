"""In a real browser without a network: pages open, say nothing on the console, fit a phone, print, pass axe-core."""

import os
import re
import shutil

import pytest

from warehouse.report.render import make_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    # one worker, so that the browser is started once, and the pages are written once
    pytest.mark.xdist_group("report"),
    pytest.mark.skipif(CHROMIUM is None and "CI" not in os.environ, reason="Chromium is not installed here"),
]
WIDE, NARROW = 1280, 390


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "the browser is to be installed by .ci/run"
    with sync_playwright() as driver:
        # the sandbox cannot start as root; every name is unknown, so nothing outside can be reached
        options = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND"]
        running = driver.chromium.launch(executable_path=CHROMIUM, args=options)
        yield running
        running.close()


@pytest.fixture(scope="module", params=["shipped", "rich", "empty"])
def folder(request, tmp_path_factory):
    if request.param == "empty":
        from tests.warehouse.tiny_vault import TinyVault

        place = tmp_path_factory.mktemp("empty")
        vault = TinyVault(place / "vault")
        vault.build(place / "release.duckdb")
        vault.con.close()
        make_report(place / "release.duckdb", place / "pages")
        return place / "pages"
    return request.getfixturevalue({"shipped": "demo_report", "rich": "rich_report"}[request.param])


class Visit:
    """An open page, with what it asked for and said."""

    def __init__(self, browser, file, width, *, scripts=True):
        self.context = browser.new_context(viewport={"width": width, "height": 900}, java_script_enabled=scripts)
        self.page = self.context.new_page()
        self.said, self.asked = [], []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()


def pages_of(folder):
    """The page of all countries, and one country's; nobody was trained in the small release's Brunei."""
    country = "bn.html" if (folder / "tl.html").exists() else "vn.html"
    return [folder / name for name in ("index.html", country) if (folder / name).exists()]


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_page_asks_for_nothing_says_nothing_and_fits(browser, folder, width, tmp_path):
    for file in pages_of(folder):
        with Visit(browser, file, width) as visit:
            picture = visit.page.screenshot(path=tmp_path / f"{file.stem}-{width}.png", full_page=True)
            assert len(picture) > 20_000
            assert visit.said == []
            assert visit.asked == [file.as_uri()]
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
            assert visit.page.evaluate("document.scripts.length") == 0


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_axe_finds_no_violation(browser, folder, width):
    from axe_playwright_python.sync_playwright import Axe

    for file in pages_of(folder) if width == NARROW else pages_of(folder)[:1]:
        with Visit(browser, file, width) as visit:
            # what is folded is read too
            visit.page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
            results = Axe().run(visit.page)
            found = {item["id"]: item["nodes"][0]["html"][:200] for item in results.response["violations"]}
            assert found == {}
            assert len(results.response["passes"]) > 20


def test_a_page_is_read_without_scripts(browser, demo_report):
    with Visit(browser, demo_report / "index.html", NARROW, scripts=False) as visit:
        first = visit.page.locator("details").first
        assert not first.locator("table").is_visible()
        first.locator("summary").click()
        assert first.locator("table").is_visible()
        visit.page.get_by_role("navigation", name="Pages of countries").get_by_role("link", name="Viet Nam").click()
        assert visit.page.get_by_role("heading", level=1).inner_text() == "Viet Nam"
        visit.page.get_by_role("link", name="All countries").first.click()
        assert visit.page.url == (demo_report / "index.html").as_uri()


def test_the_keyboard_comes_to_the_figures_first_and_is_seen(browser, demo_report):
    with Visit(browser, demo_report / "index.html", WIDE) as visit:
        visit.page.keyboard.press("Tab")
        skip = visit.page.locator(":focus")
        assert skip.inner_text() == "Skip to the figures"
        assert skip.bounding_box()["x"] >= 0
        assert skip.evaluate("link => getComputedStyle(link).outlineStyle") == "solid"
        visit.page.keyboard.press("Enter")
        assert visit.page.evaluate("document.activeElement.id") == "content"


def test_letters_of_charts_can_be_read_on_a_phone(browser, demo_report):
    with Visit(browser, demo_report / "index.html", NARROW) as visit:
        heights = visit.page.evaluate(
            "[...document.querySelectorAll('svg text')].map(text => text.getBoundingClientRect().height)"
        )
        assert len(heights) > 200
        assert min(height for height in heights if height) >= 10


def test_words_within_a_chart_never_run_into_each_other(browser, folder):
    overlapping = """() => [...document.querySelectorAll('svg')].flatMap(chart => {
        const boxes = [...chart.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()])
        return boxes.flatMap(([one, a], index) => boxes.slice(index + 1)
            .filter(([, b]) => a.right > b.left && b.right > a.left && a.bottom > b.top + 2 && b.bottom > a.top + 2)
            .map(([other]) => `${one} / ${other}`))
    })"""
    for file in pages_of(folder):
        with Visit(browser, file, NARROW) as visit:
            assert visit.page.evaluate(overlapping) == []


# every machine has these, and their letters are of different widths
@pytest.mark.parametrize("font", ["sans-serif", "serif", "monospace"])
def test_a_page_prints_with_its_folded_tables(browser, folder, font):
    index = folder / "index.html"
    with Visit(browser, index, WIDE) as visit:
        visit.page.add_style_tag(content=f"* {{ font-family: {font} !important; }}")
        visit.page.emulate_media(media="print")
        # as wide as the paper between its margins, 184 mm
        visit.page.set_viewport_size({"width": 695, "height": 1000})
        folded = visit.page.locator("details table")
        assert folded.count() == index.read_text(encoding="utf-8").count("<details")
        assert all(table.is_visible() for table in folded.all())
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 695
        too_wide = """() => [...document.querySelectorAll('table')].filter(table => {
            const room = table.closest('div').getBoundingClientRect()
            return table.getBoundingClientRect().right > room.right + 1
        }).map(table => table.caption.innerText)"""
        assert visit.page.evaluate(too_wide) == []
        assert not visit.page.locator("nav").first.is_visible()
        printed = visit.page.pdf(prefer_css_page_size=True)
        assert printed.startswith(b"%PDF")
        assert 1 <= len(re.findall(rb"/Type /Page\b", printed)) < 30
