"""Opens the source for a URL's scheme; imports only the kind that is used."""

from urllib.parse import urlsplit

from flows.sources.protocol import Source, SourceConfig


def open_source(config: SourceConfig) -> Source:
    """Return the source at `config.url`, ready to list its files.

    Raises:
        PullError: it cannot be reached, or a secret or a package is missing.
    """
    scheme = urlsplit(config.url).scheme if "://" in config.url else ""
    if scheme in ("http", "https"):
        from flows.sources.link import HttpsSource

        return HttpsSource(config)
    if scheme == "kobo":
        from flows.sources.kobo import KoboSource

        return KoboSource(config)
    if scheme == "odk":
        from flows.sources.odk import OdkSource

        return OdkSource(config)
    if scheme in ("imap", "imaps"):
        from flows.sources.mail import MailSource

        return MailSource(config)
    from flows.sources.filesystem import FileSystemSource

    return FileSystemSource(config)


def is_remote(url: str) -> bool:
    """Whether a source is not a folder of this machine."""
    return "://" in url and urlsplit(url).scheme not in ("file", "local")
