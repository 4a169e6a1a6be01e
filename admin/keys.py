"""The key that a snapshot's names and ids are hashed with: a file of the administrator's."""

import os
import secrets
from pathlib import Path

from admin.connection import WrongInput
from admin.words import texts
from shared.snapshot.pseudonyms import SHORTEST_KEY, Pseudonyms
from shared.texts.plain import one_line


def pseudonyms_of(file: Path) -> Pseudonyms:
    """Those of the key in a file that is there. Raises `WrongInput`, which never quotes the key."""
    try:
        return _pseudonyms(_read(file), file)
    except FileNotFoundError as problem:
        raise _unreadable(file, problem) from None


class KeyFile:
    """A key, read or made; one that was made is only written with `keep`: who gives up leaves none behind.

    Raises `WrongInput`.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._made = ""
        try:
            key = _read(file)
        except FileNotFoundError:
            key = self._made = secrets.token_hex(32)
            if not file.absolute().parent.is_dir():
                raise WrongInput(_say("no-folder", file=_shown(file))) from None
        self.pseudonyms = _pseudonyms(key, file)

    def keep(self) -> str:
        """Write a key that was made, for its owner alone; a sentence that says so, empty if none was.

        Never over a file that is there by now: raises `OSError`.
        """
        if not self._made:
            return ""
        opened = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "w", encoding="utf-8") as out:
            out.write(f"{self._made}\n")
        return _say("made", file=_shown(self._file))


def _read(file: Path) -> str:
    """Without the mark that Windows' editors put before a text. Raises `FileNotFoundError`, `WrongInput`."""
    try:
        return file.read_text(encoding="utf-8-sig").strip()
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as problem:
        raise _unreadable(file, problem) from None


def _pseudonyms(key: str, file: Path) -> Pseudonyms:
    try:
        return Pseudonyms(key)
    except ValueError:
        raise WrongInput(_say("short", file=_shown(file), n=SHORTEST_KEY)) from None


def _unreadable(file: Path, problem: OSError | UnicodeDecodeError) -> WrongInput:
    # What is no text says so in words that would quote the key.
    reason = getattr(problem, "strerror", None) or type(problem).__name__
    return WrongInput(_say("unreadable", file=_shown(file), reason=reason))


def _shown(file: Path) -> str:
    return one_line(str(file), 1_000)


def _say(code: str, **values: str | int) -> str:
    return texts().text("keys", code, **values)
