"""Ids in every log record, so that one change can be followed from Graph's call to the card.

Whatever begins work (a call of Graph, a timer's run, messages joined) makes a call id; the messages on our
queues carry it on, and every record of the watch that is written meanwhile bears it. What is committed,
published and handed over says its own ids besides: book and number in the journal, findings, card. They stand
in the record's text for people, and as attributes for queries. The platform's own link from record to
invocation is not relied upon: the worker keeps one current invocation a process, however many run.
"""

import logging
import os
import re
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

LOGGER = "watch"
"""The loggers of the watch lie under this name, and nothing else does."""

CALL, JOB = "watch.call", "watch.job"
JOINED, BOOK, SEQ, FINDINGS, CARD, ROUTE, WAIT = (
    "watch.joined",
    "watch.book",
    "watch.seq",
    "watch.findings",
    "watch.card",
    "watch.route",
    "watch.wait",
)
ATTRIBUTES = {
    CALL: "what began this: 16 hex digits made at Graph's call, a timer's run, or where messages are joined",
    JOB: "the function at work",
    JOINED: "the calls whose work goes on under this one, 50 at most (what waits together is done together)",
    BOOK: "the book of the ledger: a shard of users, or `tenant`",
    SEQ: "the number in that book's journal: `<book>/<seq>.ndjson` holds the lines",
    FINDINGS: "the findings concerned, 50 at most",
    CARD: "the message to people, by the id that a webhook's receiver knows it by",
    ROUTE: "the name of the route",
    WAIT: "seconds from the notification to the commit, the longest of the users committed",
}
"""Every attribute that a record of ours may bear, and what it says."""

NAMED = 50
"""So many findings or calls does a record name; then it says how many more there are."""
_CALL = re.compile(r"[0-9a-f]{1,32}")

_at_work: ContextVar[tuple[str, str]] = ContextVar("watch_at_work", default=("", ""))


def new_call() -> str:
    """An id for what begins now."""
    return os.urandom(8).hex()


def is_call(text: str) -> bool:
    """Whether this may be a call id: a queue message from elsewhere must not write into our log."""
    return _CALL.fullmatch(text) is not None


def begin(job: str, call: str = "") -> None:
    """From here on this function is at work for that call, a new one if none is given.

    For the rest of the invocation: the host gives each asynchronous one a context of its own, and on a thread
    of its pool the next one begins anew.
    """
    _at_work.set((job, call or new_call()))


def current_call() -> str:
    """The id of the call that is being worked for; empty outside an invocation."""
    return _at_work.get()[1]


def about(
    *,
    book: str = "",
    seq: int | None = None,
    findings: Iterable[str] | None = None,
    card: str = "",
    route: str = "",
    joined: Iterable[str] | None = None,
    wait: float | None = None,
) -> dict[str, Any]:
    """For `extra` of a record: the ids of what it tells of. A list that is cut says so."""
    ids: dict[str, Any] = {BOOK: book, SEQ: seq, CARD: card, ROUTE: route}
    ids = {name: value for name, value in ids.items() if value not in ("", None)}
    for name, listed in ((FINDINGS, findings), (JOINED, joined)):
        if listed is not None:
            ids[name] = _listed(list(listed))
    if wait is not None:
        ids[WAIT] = round(wait, 1)
    return ids


def _listed(ids: list[str]) -> str:
    """Ids in a row, with spaces between."""
    cut = [f"+{len(ids) - NAMED}"] if len(ids) > NAMED else []
    return " ".join([*ids[:NAMED], *cut])


class Record(logging.LogRecord):
    """A log record; one of the watch bears the ids of what is at work, and shows all its ids in its text."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        job, call = _at_work.get()
        if call and self.is_ours:
            self.__dict__[CALL], self.__dict__[JOB] = call, job

    @property
    def is_ours(self) -> bool:
        """Whether a logger of the watch wrote it."""
        return self.name == LOGGER or self.name.startswith(f"{LOGGER}.")

    def getMessage(self) -> str:
        """The text, with the ids behind it."""
        text = super().getMessage()
        if not self.is_ours:
            return text
        short = [
            f"{name.removeprefix('watch.')}={self.__dict__[name]}"
            for name in ATTRIBUTES
            if name in self.__dict__
        ]
        return f"{text} [{' '.join(short)}]" if short else text


def mark_records() -> None:
    """From here on records bear ids. The watch's are written from INFO on, whatever the host set for others:
    host.json's levels are for records that go through the host, and these don't."""
    logging.setLogRecordFactory(Record)
    logging.getLogger(LOGGER).setLevel(logging.INFO)
