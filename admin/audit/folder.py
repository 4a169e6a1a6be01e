"""Where an audit is written: a folder beside the one that it becomes, so that there is never half of one."""

import contextlib
import secrets
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from admin.connection import WrongInput
from admin.words import texts
from shared.audit.reading import SNAPSHOT
from shared.texts.plain import one_line

PAGE, TABLE, DATA = "report.html", "users.csv", "report.json"
FILES = (PAGE, TABLE, DATA, SNAPSHOT)
"""What an audit consists of."""


class Folder:
    """The folder under work, and what becomes of it. Left without `keep`, nothing of it remains.

    `wanted`: the folder that it is to be, if that is known before the tenant is. It is only readable for
    whoever made it.
    """

    def __init__(self, wanted: Path | None, *, force: bool) -> None:
        self._force = force
        self._wanted = wanted
        beside = wanted.parent if wanted else Path()
        self.path = beside / f".sspr-audit-{secrets.token_hex(6)}"
        self._old = beside / f"{self.path.name}-before"

    def __enter__(self) -> Self:
        """Raises `WrongInput` where it can't be written, or what it is to be is there."""
        if self._wanted:
            self._refuse(self._wanted)
        try:
            self.path.mkdir(mode=0o700)
        except OSError as problem:
            where = str(self.path.parent.absolute())
            reason = problem.strerror or type(problem).__name__
            raise WrongInput(_say("no-place", folder=where, reason=reason)) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _undisturbed():
            if self._old.exists() and self._wanted and not self._wanted.exists():
                self._old.rename(self._wanted)
            for left in (self.path, self._old):
                shutil.rmtree(left, ignore_errors=True)

    def expect(self, name: str) -> None:
        """It is to have this name, unless another was wanted. Raises `WrongInput` as above: to be asked
        before a tenant is read, which may take an hour."""
        if not self._wanted:
            wanted = self.path.parent / name
            self._refuse(wanted)
            self._wanted = wanted

    def keep(self) -> Path:
        """The folder under its name. Raises `WrongInput` as above."""
        wanted = self._wanted
        if wanted is None:
            raise ValueError("the folder has no name yet")
        self._refuse(wanted)
        if wanted.exists():
            wanted.rename(self._old)
        self.path.rename(wanted)
        return wanted

    def _refuse(self, wanted: Path) -> None:
        """An audit is only ever written over another, and only where that was asked for."""
        if not wanted.exists() and not wanted.is_symlink():
            return
        folder = one_line(str(wanted), 1_000)
        if not self._force:
            raise WrongInput(_say("exists", folder=folder))
        # A link is not what it leads to: replacing it would leave that behind.
        if wanted.is_symlink() or not wanted.is_dir() or {one.name for one in wanted.iterdir()} - {*FILES}:
            raise WrongInput(_say("no-audit", folder=folder))


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Whoever presses Ctrl-C twice still leaves nothing behind."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def ended_alike() -> Iterator[None]:
    """Whoever ends the process politely, or closes its terminal, interrupts it as Ctrl-C does."""
    polite = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # What is ignored, as under nohup, stays so.
    before = {one: signal.getsignal(one) for one in polite if signal.getsignal(one) is signal.SIG_DFL}
    for one in before:
        signal.signal(one, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _say(code: str, **values: str) -> str:
    return texts().text("audit", "folder", code, **values)
