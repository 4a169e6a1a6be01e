"""The clock of the app's machine, as far as it differs from ours: a file that `clocked_app` reads."""

from datetime import UTC, datetime, timedelta
from pathlib import Path


class AppClock:
    """Seconds that the clock of the app's machine is ahead; `jumps` is every change so far.

    The app goes by the clock of storage, which is ours but for the time that `forwarded` says.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0.0
        self.jumps: list[float] = []
        self.forwarded = 0.0
        self._write()

    def set(self, offset: float) -> None:
        """Let the clock be so much ahead from now on, or behind."""
        if offset != self.offset:
            self.jumps.append(offset - self.offset)
            self.offset = offset
            self._write()

    def now(self) -> datetime:
        """What time the app takes it to be, once storage has answered it."""
        return datetime.now(UTC) + timedelta(seconds=self.forwarded)

    def _write(self) -> None:
        # In one step: a process that reads it meanwhile must not find half a number.
        new = self.path.with_suffix(".new")
        new.write_text(repr(self.offset), "ascii")
        new.replace(self.path)
