"""Writes the HTML report of a release that a scheduled run has just published."""

from flows.settings import Settings


def report_release(settings: Settings, number: int) -> str:
    """Write the HTML report of a release; returns its path, or why there is none.

    Raises:
        QueryError: the release cannot be opened.
        ReportError: its figures cannot be shown.
        OSError: the disk is full, or the folder may not be written.
    """
    from warehouse.release.releases import current
    from warehouse.report.render import publish_report

    release = current(settings.data)
    if release is None or release.number != number:
        return "none: another release has been published since"
    return str(publish_report(settings.data, number, release.path, is_current=True)[0])
