"""Every figure of a page is the table's; texts of partners are text; what a release lacks is said in a sentence."""

import re

import duckdb
import pytest

from tests.warehouse.report.conftest import EVIL
from tests.warehouse.report.read_page import figures_in, read_page
from tests.warehouse.tiny_vault import TinyVault
from warehouse.report import labels
from warehouse.report.figures import ReportError
from warehouse.report.render import make_report, publish_report
from warehouse.report.specs import Tile, tiles_spec

# one worker, so that pages are written once
pytestmark = pytest.mark.xdist_group("report")


@pytest.fixture(scope="module")
def ask(demo):
    settings, _ = demo
    with duckdb.connect(str((settings.data / "warehouse.duckdb").resolve()), read_only=True) as con:
        yield lambda sql, *values: con.execute(sql, values).fetchall()


def number(text):
    return int(text.replace(",", ""))


def table(page, beginning):
    found = [rows for caption, rows in page.tables().items() if caption.startswith(beginning)]
    assert len(found) == 1, f"{len(found)} tables begin with {beginning}"
    return found[0]


def test_the_headline_is_the_number_of_people_with_its_interval(demo_report, ask):
    people, low, high = ask(
        "SELECT people_found, low, high FROM identity_quality WHERE country_code = 'ALL' AND script = 'ALL'"
    )[0]
    assert ask("SELECT trainees FROM report_reach WHERE country_code = 'ALL'") == [(people,)]
    text = read_page(demo_report / "index.html").text
    assert f"{people:,} different people reached in 10 countries" in text
    assert f"{low:,} to {high:,} people are likely" in text


def test_reach_by_country_is_that_of_the_table(demo_report, ask):
    shown = table(read_page(demo_report / "index.html"), "People reached by country")
    expected = ask(
        """
        SELECT
            coalesce(country_name, 'All countries'), trainees, low, high, women, youth, msme_owners, job_seekers,
            with_disability, indigenous, rural
        FROM report_reach
        LEFT JOIN core_country USING (country_code)
        JOIN identity_quality USING (country_code)
        WHERE script = 'ALL' ORDER BY country_code = 'ALL', trainees DESC, country_code
        """
    )
    assert len(shown) == len(expected) == 11
    for line, (name, people, low, high, women, youth, *rest) in zip(shown, expected, strict=True):
        assert line[:4] == [name, f"{people:,}", f"{low:,} to {high:,}", f"{women:,}"]
        assert line[4] == labels.percent(women / people)
        assert line[5:7] == [f"{youth:,}", labels.percent(youth / people)]
        assert [cell for cell in line[7:] if cell != "–"] == [
            f"{figure:,}" for cell, figure in zip(line[7:], rest, strict=True) if cell != "–"
        ]
        # a dash stands only where nobody said yes
        assert all(figure == 0 for cell, figure in zip(line[7:], rest, strict=True) if cell == "–")


ATTRIBUTES = ("sex", "trainee_type", "has_disability", "is_indigenous", "is_rural", "age_band")


@pytest.mark.parametrize("dimension", ATTRIBUTES)
@pytest.mark.parametrize(("file", "country"), [("index.html", "ALL"), ("mm.html", "MM"), ("sg.html", "SG")])
def test_categories_are_those_of_the_table_and_not_stated_is_one_of_them(demo_report, ask, file, country, dimension):
    page = read_page(demo_report / file)
    figure = next(item for item in page.all("figure") if item.attributes["id"] == dimension.replace("_", "-"))
    (shown,) = figure.tables().values()
    expected = dict(
        ask(
            "SELECT dimension_value, people FROM report_reach_by WHERE country_code = ? AND quarter = 'ALL' "
            "AND indicator_code = 'people_reached' AND dimension = ?",
            country,
            dimension,
        )
    )
    people = {line[0]: number(line[1]) for line in shown}
    assert people.pop("All people reached") == sum(expected.values()) == sum(people.values())
    assert people["Not stated"] == expected.pop("not stated", 0)
    named = {labels.category(dimension, value): count for value, count in expected.items()}
    assert {name: count for name, count in people.items() if count and name != "Not stated"} == named
    assert "Not stated" in next(figure.all("svg")).text


def test_quarters_are_those_of_the_table_and_first_reached_adds_up(demo_report, ask):
    page = read_page(demo_report / "index.html")
    shown = table(page, "People first reached, by country and quarter")
    for line in shown:
        assert sum(map(number, line[1:-1])) == number(line[-1])
    figure = next(item for item in page.all("figure") if item.attributes["id"] == "quarters")
    (rows,) = figure.tables().values()
    expected = ask(
        """
        PIVOT (
            SELECT quarter, indicator_code, people FROM report_reach_by
            WHERE country_code = 'ALL' AND dimension = 'all' AND quarter <> 'ALL'
        ) ON indicator_code IN ('people_reached', 'people_first_reached') USING sum(people) ORDER BY quarter
        """
    )
    assert [(line[0], number(line[1]), number(line[2])) for line in rows] == [
        (labels.quarter(quarter), active, first) for quarter, active, first in expected
    ]


def test_courses_keep_people_and_participations_apart(demo_report, ask):
    page = read_page(demo_report / "vn.html")
    figure = next(item for item in page.all("figure") if item.attributes["id"] == "courses-chart")
    (shown,) = figure.tables().values()
    expected = ask(
        """
        SELECT
            coalesce(course_title, 'All courses'), trainees, participations, participations_with_hours, hours_attended
        FROM report_course LEFT JOIN core_course USING (course_code)
        WHERE country_code = 'VN' AND quarter = 'ALL'
        """
    )
    assert {(line[0], *map(number, line[1:4]), line[4]) for line in shown} == {
        (*line[:4], f"{line[4]:,.1f}") for line in expected
    }
    assert "people of courses add up to more than the people reached" in page.text


def test_targets_are_said_in_words_with_their_band(demo_report, ask):
    text = read_page(demo_report / "index.html").text
    people, women, youth = ask(
        "SELECT actual_value FROM report_target WHERE is_latest AND country_code = 'ALL' "
        "ORDER BY array_position(['people_reached', 'women_share', 'youth_share'], indicator_code)"
    )
    assert f"People reached: {people[0]:,.0f} of a target of 200,000 by 31 December 2021" in text
    assert re.search(rf"Share of women: {women[0]:.1%} \([\d,]+ of {people[0]:,.0f}\) against a target of 60%", text)
    assert f"Share of youth aged 15–35: {youth[0]:.1%}" in text
    indonesia = table(read_page(demo_report / "id.html"), "Targets")
    assert {(line[2], line[6]) for line in indonesia} == {
        ("35,000", "behind"),
        ("20,000", "replaced by a later target"),
    }


def test_the_account_of_rows_is_that_of_the_table(demo_report, ask):
    shown = table(read_page(demo_report / "index.html"), "What became of every row")
    expected = ask(
        """
        SELECT coalesce(partner_name, 'All partners'), sum(rows_in), sum(rows_accepted), sum(rows_rejected),
            sum(rows_superseded), sum(rows_repeated), sum(rows_structural)
        FROM report_data_quality JOIN core_partner USING (partner_id)
        GROUP BY GROUPING SETS ((partner_name), ())
        """
    )
    assert {(line[0], *map(number, line[1:])) for line in shown} == set(expected)
    assert all(number(line[1]) == sum(map(number, line[2:])) for line in shown)


def test_rejections_are_those_of_the_table(demo_report, ask):
    page = read_page(demo_report / "index.html")
    figure = next(item for item in page.all("figure") if item.attributes["id"] == "rejections")
    (shown,) = figure.tables().values()
    expected = ask("SELECT reason_code, sum(rows_rejected) FROM report_rejection GROUP BY reason_code")
    assert {(line[0], number(line[1])) for line in shown} == {(labels.reason(code), count) for code, count in expected}


@pytest.mark.parametrize("file", ["index.html", "vn.html", "bn.html"])
def test_a_chart_shows_only_figures_of_its_table_and_has_a_title_and_a_description(demo_report, file):
    page = read_page(demo_report / file)
    figures = list(page.all("figure"))
    assert len(figures) > 10
    for figure in figures:
        (svg,) = figure.all("svg")
        named = {node.attributes["id"]: node.text for node in svg.all("title", "desc")}
        assert svg.attributes["role"] == "img"
        assert list(named) == svg.attributes["aria-labelledby"].split()
        assert all(named.values())
        words_drawn = " ".join(node.text for node in svg.all("text"))
        (caption, rows), *_ = figure.tables().items()
        told = figures_in(" ".join(" ".join(row) for row in rows))
        # years and quarters below columns, steps of a scale
        scale = {"2020", "2021", "1", "2", "3", "4"} | {f"{step / 10:.1f}%" for step in range(60)}
        assert figures_in(words_drawn) - scale <= told, caption
        assert "Source: " in figure.text


@pytest.mark.parametrize("file", ["index.html", "vn.html"])
def test_a_page_stands_alone_with_headings_in_order(demo_report, file):
    text = (demo_report / file).read_text(encoding="utf-8")
    assert len(text.encode()) < 1_500_000
    assert "<script" not in text
    assert "//" not in text
    assert "src=" not in text
    assert text.count("url(") == text.count("url(#")
    page = read_page(demo_report / file)
    assert next(page.all("html")).attributes["lang"] == "en"
    levels = [int(node.tag[1]) for node in page.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in zip(levels, levels[1:], strict=False))
    ids = [
        node.attributes["id"]
        for node in page.all("section", "figure", "caption", "clipPath", "title", "desc", "h2")
        if "id" in node.attributes
    ]
    assert len(ids) == len(set(ids))
    for shown in page.all("table"):
        assert len(list(shown.all("caption"))) == 1
        assert all(cell.attributes["scope"] in ("col", "row") for cell in shown.all("th"))


def test_every_country_has_a_page_and_links_lead_to_files(demo_report):
    files = {file.name for file in demo_report.iterdir()}
    assert len(files) == 11
    for name in files:
        links = {node.attributes["href"] for node in read_page(demo_report / name).all("a")}
        assert {link for link in links if not link.startswith("#")} == files - {name}


def test_the_same_release_gives_the_same_bytes(demo, tmp_path):
    settings, _ = demo
    for name in ("one", "two"):
        make_report(settings.data / "warehouse.duckdb", tmp_path / name, country="BN")
    assert (tmp_path / "one" / "bn.html").read_bytes() == (tmp_path / "two" / "bn.html").read_bytes()


def test_samples_are_called_synthetic(demo_report):
    for file in demo_report.iterdir():
        assert "Synthetic data. Every person counted here is invented" in read_page(file).text


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        ([True, True], "Synthetic data."),
        ([True, False], "Partly synthetic data. 1 of 2 deliveries that count here are invented samples, of "),
        ([False, False], None),
    ],
)
def test_a_release_that_tells_samples_is_believed(make_vault, tmp_path, report_on, samples, said):
    vault = make_vault()
    vault.attend("t1", "BN-A")
    vault.attend("t2", "VN-B")
    release = tmp_path / "release.duckdb"
    vault.build(release)
    with duckdb.connect(str(release)) as con:
        con.execute("ALTER TABLE core_delivery ADD COLUMN IF NOT EXISTS is_sample BOOLEAN")
        for partner, is_sample in zip(("BN-A", "VN-B"), samples, strict=True):
            con.execute("UPDATE core_delivery SET is_sample = ? WHERE partner_id = ?", [is_sample, partner])
    text = read_page(report_on(release) / "index.html").text
    assert said in text if said else "ynthetic data" not in text
    assert "Synthetic data." in read_page(report_on(release, synthetic=True) / "index.html").text


def test_what_a_partner_wrote_is_text(rich_report):
    for name in ("index.html", "tl.html"):
        raw = (rich_report / name).read_text(encoding="utf-8")
        assert "<script" not in raw
        assert EVIL in read_page(rich_report / name).text


def test_a_country_off_the_map_is_appended_and_one_without_people_is_named(rich_report):
    index = read_page(rich_report / "index.html")
    tiles = next(item for item in index.all("figure") if item.attributes["id"] == "map")
    drawn = [node.text for node in tiles.all("text")]
    assert {"TL", "VN", "BN"} <= set(drawn)
    assert ["Brunei Darussalam", "0"] in next(iter(tiles.tables().values()))
    empty = read_page(rich_report / "bn.html")
    assert "Nobody is counted in Brunei Darussalam in this release" in empty.text
    assert "0 different people reached" in empty.text
    assert read_page(rich_report / "tl.html").text.count("11 different people reached") == 1


def test_no_two_tiles_of_the_map_lie_on_each_other():
    tiles = [Tile("VN", "1", 4, 2, 1), Tile("TL", "2", 1, 5, 2)]
    values = tiles_spec(tiles, "half")["data"]["values"]
    assert len({(value["x"], value["y"]) for value in values}) == 2


def test_outcomes_are_shown_with_intervals_n_and_denominator(rich_report):
    page = read_page(rich_report / "index.html")
    kept, moved = table(page, "Data: What people say changed")
    assert kept[0] == "The business was kept running"
    assert moved == [
        "The business, or part of it, has moved online since the training",
        "owners who answered",
        "40",
        "31",
        "77.5%",
        "62.0% to 88.0%",
        "75.2%",
        "59.0% to 86.0%",
    ]
    parts = table(page, "Data: The business, or part of it, has moved online since the training, by country and sex")
    assert [(line[0], line[1], line[-1]) for line in parts] == [
        ("Viet Nam", "25", "–"),
        ("Women", "22", "55.0% to 88.0%"),
    ]
    assert table(read_page(rich_report / "vn.html"), "Data: What people say changed")[1][4:] == [
        "80.0%",
        "61.0% to 91.0%",
        "–",
        "–",
    ]


def test_changes_are_told_with_their_causes(rich_report):
    page = read_page(rich_report / "index.html")
    assert (
        "Since release 3, the one before: People reached went from 1,200 to 1,234 (+34): new deliveries +36 and two "
        "found to be one −2." in page.text
    )
    assert table(page, "Changes since release 3, the one before")[0] == [
        "People reached",
        "1,200",
        "1,234",
        "+34",
        "+36",
        "−2",
    ]
    assert table(page, "Officially reported as “mid-year <2021>” on 15 January 2022, release 2") == [
        ["People reached", "1,300", "1,234", "−66"]
    ]


def test_a_release_without_survey_and_account_says_so(rich_release, tmp_path, report_on):
    release = tmp_path / "plain.duckdb"
    release.write_bytes(rich_release.read_bytes())
    with duckdb.connect(str(release)) as con:
        for name in ("report_outcome", "report_restatement", "report_frozen"):
            con.execute(f"DROP TABLE {name}")
    text = read_page(report_on(release) / "index.html").text
    assert "This release holds no follow-up survey" in text
    assert "This release keeps no account of what changed since an earlier one." in text


def test_an_empty_release_has_a_page_that_says_so(vault, tmp_path, report_on):
    vault.build(tmp_path / "release.duckdb")
    folder = report_on(tmp_path / "release.duckdb")
    assert [file.name for file in folder.iterdir()] == ["index.html"]
    text = read_page(folder / "index.html").text
    assert "0 different people reached" in text
    assert "Nobody is counted in all countries together in this release" in text


def test_a_release_of_an_earlier_program_is_refused_with_what_to_do(vault, tmp_path, report_on):
    vault.attend("t1")
    vault.build(tmp_path / "release.duckdb")
    with duckdb.connect(str(tmp_path / "release.duckdb")) as con:
        con.execute("DROP TABLE report_reach_by")
    with pytest.raises(ReportError, match="report_reach_by.*run the pipeline"):
        report_on(tmp_path / "release.duckdb")


def test_a_published_report_is_led_to_by_latest(vault: TinyVault, data):
    vault.attend("t1", sex="F")
    first = vault.publish(data).release
    publish_report(data, 1, first.path, is_current=True)
    vault.attend("t2", sex="M")
    second = vault.publish(data).release
    publish_report(data, 2, second.path, is_current=True)
    publish_report(data, 1, first.path, is_current=False)
    assert (data / "report" / "latest").resolve() == data / "report" / "release-2"
    assert "2 different people reached" in read_page(data / "report" / "latest" / "index.html").text
    assert (data / "report" / "latest" / "vn.html").stat().st_mode & 0o777 == 0o644
