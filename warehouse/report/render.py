"""Renders pages as HTML and writes them: one file each, with everything in it, without a script or an address outside.

The same release gives the same bytes: nothing in a page is of the day or the machine it was made on.
"""

from collections.abc import Iterable
from pathlib import Path

import duckdb

from schemas.programme import Programme, load_programme
from warehouse.release.query import open_release
from warehouse.report.document import Page
from warehouse.report.figures import ReportError, read_figures
from warehouse.report.pages import make_pages
from warehouse.storage import files
from warehouse.storage.templates import render

REPORTS = "report"
LATEST = "latest"
_TEMPLATES = Path(__file__).parent / "templates"


def render_page(page: Page) -> str:
    """Return a page as HTML, everything escaped but the drawings and the style sheet of the project."""
    style = (_TEMPLATES / "style.css").read_text(encoding="utf-8")
    return render(_TEMPLATES / "page.html.j2", page=page, style=style)


def make_report(
    release: Path,
    folder: Path,
    *,
    country: str | None = None,
    programme: Programme | None = None,
    synthetic: bool = False,
) -> tuple[Path, ...]:
    """Write the report of a release into a folder, which is made where missing; returns the files, the first first.

    Args:
        release: The release's file, or a link to it.
        folder: Where pages go; those of the same name are replaced.
        country: Only the page of this country, without links; the region's and every country's without it.
        programme: Name of the programme and places on the map; those of the project without it.
        synthetic: Whether the data are to be called synthetic, whatever the release says.

    Raises:
        ReportError: The release is of an earlier program, or has no such country.
        QueryError: There is no release.
    """
    try:
        with open_release(release) as con:
            figures = read_figures(con)
    except duckdb.Error as error:
        raise ReportError(
            f"{release.name} cannot be read as a release of this program: {type(error).__name__}"
        ) from error
    if country is not None and country not in figures.countries:
        known = ", ".join(figures.countries) or "none"
        raise ReportError(f"{country}: the release has no such country; it has {known}")
    pages = make_pages(figures, programme or load_programme(), only=country, synthetic=synthetic)
    return _write(pages, folder)


def _write(pages: Iterable[Page], folder: Path) -> tuple[Path, ...]:
    files.shared_folder(folder)
    written = []
    for page in pages:
        files.write_durably(folder / page.file, render_page(page).encode("utf-8"), mode=0o644)
        written.append(folder / page.file)
    return tuple(written)


def report_folder(data: Path, number: int, country: str | None = None) -> Path:
    """Return where the report of a release stands in the data folder, or a country's page by itself."""
    return data / REPORTS / (f"release-{number}" if country is None else f"release-{number}-{country}")


def publish_report(
    data: Path, number: int, release: Path, *, is_current: bool, synthetic: bool = False
) -> tuple[Path, ...]:
    """Write the whole report of a published release into the data folder; `latest` leads to that of the current one."""
    files.shared_folder(data / REPORTS)
    written = make_report(release, report_folder(data, number), synthetic=synthetic)
    if is_current:
        files.replace_symlink(data / REPORTS / LATEST, report_folder(data, number).name)
    return written
