"""How far an audit is, on standard error: bars in a terminal, elsewhere a line for each stage."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from admin.words import texts
from shared.audit.told import Stage


class Shown:
    """Shows it. `console`: where to; bars only where that is a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bars: Progress | None = None
        self._present: TaskID | None = None
        if self._console.is_terminal:
            self._bars = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=self._console,
            )

    def __enter__(self) -> Self:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        if self._bars:
            self._bars.stop()

    def begin(self, stage: Stage, total: int | None = None) -> None:
        """A stage begins."""
        self._end()
        words = texts().text("audit", "stages", stage)
        if self._bars:
            self._present = self._bars.add_task(words, total=total)
        else:
            self._line(words)

    def advance(self, count: int) -> None:
        """So many more are read."""
        if self._bars and self._present is not None:
            self._bars.advance(self._present, count)

    def waits(self, seconds: float) -> None:
        """Graph asks to come back later."""
        self._line(texts().text("audit", "waits", seconds=max(1, round(seconds))))

    def _end(self) -> None:
        """What was read is all there was: users come and go after they were counted."""
        if self._bars and self._present is not None:
            done = next(task.completed for task in self._bars.tasks if task.id == self._present)
            self._bars.update(self._present, total=done or 1, completed=done or 1)
            self._present = None

    def _line(self, words: str) -> None:
        if self._bars:
            self._console.print(words, markup=False, highlight=False)
        else:
            print(words, file=sys.stderr, flush=True)
