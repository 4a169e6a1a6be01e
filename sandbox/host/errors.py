"""Why the host can't run an app. Each message is written for whoever typed the command."""


class HostError(Exception):
    """The host can't start or can't go on; the message says why and how to mend it."""


class AppFailure(HostError):
    """The app couldn't be imported or indexed.

    `message` is the app's own text, whole; `where` the file and line of the app that raised it ("" if
    unknown); `trace` the full traceback.
    """

    def __init__(self, message: str, where: str = "", trace: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.trace = trace


class OutputError(HostError):
    """What a function set on an output binding couldn't be written, so its invocation failed."""
