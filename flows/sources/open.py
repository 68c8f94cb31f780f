"""Opens the source that a URL's scheme stands for; a kind that is not used costs no import."""

from urllib.parse import urlsplit

from flows.sources.protocol import Place, Source


def open_source(place: Place) -> Source:
    """Return the source at `place`, ready to offer what it has.

    Raises:
        PullError: it cannot be reached, or a secret or a package is missing.
    """
    scheme = urlsplit(place.url).scheme if "://" in place.url else ""
    if scheme in ("http", "https"):
        from flows.sources.link import HttpsSource

        return HttpsSource(place)
    if scheme == "kobo":
        from flows.sources.kobo import KoboSource

        return KoboSource(place)
    if scheme == "odk":
        from flows.sources.odk import OdkSource

        return OdkSource(place)
    if scheme in ("imap", "imaps"):
        from flows.sources.mail import MailSource

        return MailSource(place)
    from flows.sources.filesystem import FileSystemSource

    return FileSystemSource(place)


def is_remote(url: str) -> bool:
    """Whether a source is not a folder of this machine."""
    return "://" in url and urlsplit(url).scheme not in ("file", "local")
