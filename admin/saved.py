"""Commands on a saved snapshot: no storage, no network, and one sentence where the file is no good."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from admin.connection import WrongInput, output_refused
from admin.endings import DONE, INTERRUPTED, TROUBLE, WRONG, told, unheard
from admin.words import said, say, settings_file
from shared.rules.loader import load_rules
from shared.settings import SettingsError
from shared.settings.access import expect_language
from shared.snapshot.file import SnapshotUnreadable
from shared.snapshot.judging import NoEdition
from shared.snapshot.opening import NoSnapshot, Saved, opened


def offline(work: Callable[[], int | None]) -> int:
    """Do the work; its exit code, 0 where it gives none. What went wrong is on standard error."""
    try:
        # As the commands that need more settings say it; nobody shall guess why it speaks English.
        expect_language(settings_file(sys.argv[1:]))
        done = work() or DONE
        # What is still to be written may be refused: later nobody could say so.
        print(end="", flush=True)
        return done
    except SettingsError as problem:
        return told(WRONG, say("settings", n=len(problem.faults)), *problem.faults)
    except WrongInput as problem:
        return told(WRONG, *problem.lines)
    except BrokenPipeError:
        return unheard()
    except OSError as problem:
        if sentence := output_refused(problem):
            return unheard(sentence)
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
