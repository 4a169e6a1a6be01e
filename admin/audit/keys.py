"""The key that a snapshot's names and ids are hashed with: a file of the administrator's."""

import os
import secrets
from pathlib import Path

from admin.connection import WrongInput
from admin.words import texts
from shared.snapshot.pseudonyms import SHORTEST_KEY, Pseudonyms
from shared.texts.plain import one_line


class KeyFile:
    """A key, read or made; one that was made is only written with `keep`: who gives up leaves none behind."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._made = False
        try:
            key = file.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            key, self._made = secrets.token_hex(32), True
            if not file.absolute().parent.is_dir():
                raise WrongInput(_say("no-folder", file=_shown(file))) from None
        except (OSError, UnicodeDecodeError) as problem:
            reason = getattr(problem, "strerror", None) or type(problem).__name__
            raise WrongInput(_say("unreadable", file=_shown(file), reason=reason)) from None
        try:
            self.pseudonyms = Pseudonyms(key)
        except ValueError:
            raise WrongInput(_say("short", file=_shown(file), n=SHORTEST_KEY)) from None
        self._key = key

    def keep(self) -> str:
        """Write a key that was made, for its owner alone; a sentence that says so, empty if none was."""
        if not self._made:
            return ""
        opened = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "w", encoding="utf-8") as out:
            out.write(f"{self._key}\n")
        return _say("made", file=_shown(self._file))


def _shown(file: Path) -> str:
    return one_line(str(file), 1_000)


def _say(code: str, **values: str | int) -> str:
    return texts().text("audit", "key", code, **values)
