"""What is shown while a soak runs: clock, phase, changes, kills, what waits, memory."""

import time

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table as Grid
from rich.text import Text

from tests.soak.run import Soak

PLAIN_EVERY = 15.0
"""Seconds between two lines where nobody sees a picture."""


class Progress:
    """On a terminal a picture that moves, else a line every few seconds: `with Progress() as progress`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=2) if console.is_terminal else None
        self._said = 0.0

    def __enter__(self) -> "Progress":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, soak: Soak) -> None:
        """How it stands."""
        head = _head(soak)
        if self._live is not None:
            self._live.update(Group(Text(head), _grid(soak)))
        elif time.monotonic() - self._said >= PLAIN_EVERY:
            self._said = time.monotonic()
            self._console.print(f"{head}; {_memory(soak)}", markup=False, highlight=False, soft_wrap=True)


def _head(soak: Soak) -> str:
    minutes, seconds = divmod(int(soak.seconds), 60)
    storm = f"; storm: {soak.sky.kind}" if soak.sky.kind else ""
    return (
        f"{minutes:02d}:{seconds:02d} {soak.phase}{storm}; {soak.author.done.total():,} changes, "
        f"{len(soak.run.kills)} kills, {len(soak.troupe.teams.cards)} cards; waits: {soak.waiting}"
    )


def _latest(soak: Soak) -> dict[str, float]:
    return {one.name: one.mb for one in soak.run.samples[-12:]}


def _memory(soak: Soak) -> str:
    return ", ".join(f"{name} {mb:.0f} MB" for name, mb in sorted(_latest(soak).items()))


def _grid(soak: Soak) -> Grid:
    grid = Grid("process", "MB")
    for name, mb in sorted(_latest(soak).items()):
        grid.add_row(name, f"{mb:.0f}")
    return grid
