"""Errors of reading a source."""


class PullError(RuntimeError):
    """A source that cannot be read; the message names the partner, the source and what to do.

    `transient` says whether trying again can help, `retry_after` how many seconds the source asked to wait.
    """

    def __init__(self, message: str, *, transient: bool = False, retry_after: float | None = None):
        super().__init__(message)
        self.transient = transient
        self.retry_after = retry_after


class SourceChangedError(PullError):
    """A file changed after it was listed: list the source again; fetching the file again does not help."""

    def __init__(self, message: str):
        super().__init__(message, transient=True)
