"""Commands on a saved snapshot: no storage, no network, and one sentence where the file is no good."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from admin.connection import WrongInput
from admin.endings import DONE, INTERRUPTED, TROUBLE, WRONG, told, unheard
from admin.words import said
from shared.rules.loader import load_rules
from shared.snapshot.file import SnapshotUnreadable
from shared.snapshot.judging import NoEdition
from shared.snapshot.opening import NoSnapshot, Saved, opened


def offline(work: Callable[[], int | None]) -> int:
    """Do the work; its exit code, 0 where it gives none. What went wrong is on standard error."""
    try:
        code = work() or DONE
        # What little is still held back fails here, if it does, and not when Python ends.
        sys.stdout.flush()
        return code
    except WrongInput as problem:
        return told(WRONG, *problem.lines)
    except BrokenPipeError:
        return unheard()
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
        return told(TROUBLE, said("snapshots", "trouble", file=str(problem.filename or ""), problem=reason))
    except KeyboardInterrupt:
        return told(INTERRUPTED, said("snapshots", "stopped"))


@contextlib.contextmanager
def snapshot(path: Path) -> Iterator[Saved]:
    """The snapshot at a path, a file or an audit's folder. Raises `WrongInput`, also while it is read."""
    try:
        with opened(path) as saved:
            yield saved
    except NoSnapshot as problem:
        raise WrongInput(said("snapshots", problem.code, **problem.values)) from None
    except (SnapshotUnreadable, NoEdition) as problem:
        raise unusable(problem, str(path)) from None


def unusable(problem: SnapshotUnreadable | NoEdition, file: str) -> WrongInput:
    """Why a snapshot can't be used, with the next step. `file`: what it is called."""
    if isinstance(problem, NoEdition):
        there = ", ".join(sorted(load_rules().editions))
        return WrongInput(said("snapshots", "no-edition", file=file, edition=problem.edition, editions=there))
    values: dict[str, str | int] = {"file": file, "line": problem.line, **problem.values}
    return WrongInput(said("snapshots", problem.code, **values))
