"""The commands that cards print, made in one place so that a test can execute what people copy. Pure.

No text that a person wrote is ever part of a command: whoever pastes it into a shell gets ids, dates and
placeholders only. Quotes are the double ones that every shell knows.
"""

import re
from datetime import datetime, timedelta

from shared.model import SubjectType
from shared.notify.entries import Entry
from shared.notify.exceptions.exemptions import LONGEST_OF_A_KIND, Exemption

ADMIN = "python -m admin"
RELEASE = f"{ADMIN} release"
DISCARD = f"{RELEASE} --discard"
LIST = f"{ADMIN} exception list"
LIST_ALL = f"{LIST} --all"
IMPORT = f"{ADMIN} exception import exceptions.csv"
"""The file is what a person fills in, as docs/operate.md says."""

AHEAD = timedelta(days=30)
"""How far ahead the end lies that a card proposes."""
AHEAD_OF_A_KIND = LONGEST_OF_A_KIND - timedelta(days=1)
"""The same for an exception without a subject: the last day still counts, and the bound may not be passed."""

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SUBJECTS: dict[str, str] = {SubjectType.USER: "--user", SubjectType.GROUP: "--group"}


def except_finding(entry: Entry, at: datetime, *, owner: str = "you", reason: str = "why") -> str:
    """The command that agrees not to be told of this finding until a month from `at`."""
    return _add(_subject(entry.subject_type, entry.subject_id), entry.kind, at + AHEAD, owner, reason)


def except_any(at: datetime, *, owner: str = "you", reason: str = "why") -> str:
    """The same for a user yet to be named: `ID` and `KIND` stand for what a person fills in."""
    return _add(["--user", "ID"], "KIND", at + AHEAD, owner, reason)


def extend(exemption: Exemption, at: datetime, *, owner: str = "you", reason: str = "why") -> str:
    """The command that agrees to the same again: a month from `at` or from its end, whichever is later.

    One without a subject may be agreed for no longer than a month from `at`, so no later is proposed. Whoever
    extends it says anew who answers for it and why.
    """
    if not exemption.subject_type:
        return _add([], exemption.kind, at + AHEAD_OF_A_KIND, owner, reason)
    subject = _subject(exemption.subject_type, exemption.subject_id)
    return _add(subject, exemption.kind, max(at, exemption.end) + AHEAD, owner, reason)


def end(exemption: Exemption) -> str:
    """The command that ends this exception now."""
    return f"{ADMIN} exception end {_word(exemption.id)}"


def _add(subject: list[str], kind: str, until: datetime, owner: str, reason: str) -> str:
    parts = [ADMIN, "exception add", *subject]
    if kind:
        parts += ["--kind", _word(kind)]
    parts += ["--until", f"{until:%Y-%m-%d}", "--owner", _quoted(owner), "--reason", _quoted(reason)]
    return " ".join(parts)


def _subject(subject_type: str, subject_id: str) -> list[str]:
    option = _SUBJECTS.get(subject_type)
    return [option, _word(subject_id)] if option else ["--tenant"]


def _word(text: str) -> str:
    """An id or code as one harmless word; Graph's are GUIDs, and anything else is not put into a shell."""
    return text if _WORD.fullmatch(text) else "ID"


def _quoted(text: str) -> str:
    return '"' + re.sub(r'["\\$`%!\n\r]', "", text) + '"'
