"""The messages on the queues `changed-users` and `sweeps`: JSON, read strictly.

`{"users": [ids], "look": 1, "at": time, "why": word}` or `{"groups": [ids], …}` on `changed-users`;
`{"reading": kind, "id": id, "step": n}`, `{"lifecycle": [{"subscription": id, "event": name}], "at": time}`,
`{"calls": {…}}` or `{"subscriptions": order, "at": time}` on `sweeps`. Each bears the `call` that it belongs
to (`shared.following`), if it has one.
A message that can't be read raises `BadMessage`; after five tries the queue puts it aside as poison. Its
`schema` is left out where it is 1. One of a newer release (`NewerMessage`) stays with the poison until that
release runs again, and takes it up.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from shared.following import current_call, is_call
from shared.guids import as_guid
from shared.spread import IDS_A_MESSAGE as IDS_A_MESSAGE
from shared.spread import neighbours

SCHEMA = 1
"""Rises when a message says something that a release before would not read, or would read otherwise."""

HEARD = ""
"""Asked for by an authentic notification."""
DELTA, GONE, ERRORS, FACTS, STANDING, AGAIN = "delta", "gone", "errors", "facts", "standing", "again"
WHY = (HEARD, DELTA, GONE, ERRORS, FACTS, STANDING, AGAIN)
"""Who asks for a look: a notification; the delta query; delta's `@removed` or a complete sweep that did not
see the user (a 404 is the end of it then); the licence errors of groups; changed facts of the tenant; a
changed row of the registration report or of a scope group; the watch itself, to look once more."""

_READING = re.compile(r"[0-9A-Za-z-]{1,64}")
"""Blobs are named after the id of a reading, so it must be no path."""

LAST_LOOK = 2
"""The number of the look that no other follows: whoever changed is looked at twice, and at once with this
number where nothing about the change comes late."""


_LONGEST = 200
"""So much of what is wrong with a message is said."""


class BadMessage(Exception):
    """A queue message is not of any known shape. Nothing was changed."""


class GivenUp(Exception):
    """A message was not worked on to its end, or not at all. The queue tries it again."""


class NewerMessage(BadMessage):
    """A queue message was sent by a newer release. Nothing was changed; that release can read it."""

    def __init__(self, queue: str, found: int) -> None:
        super().__init__(
            f"{queue}: a message of schema {found}, this release knows {SCHEMA}: a newer release sent it. "
            "It is kept. Deploy that release again (docs/runbook.md, Going back)"
        )


SWEEP, REGISTRATION = "sweep", "registration"
READINGS = (SWEEP, REGISTRATION)
"""What is read in steps, one queue message each: all users; the registration report with the scope groups."""

CREATE, DELETE = "create", "delete"
ORDERS = (CREATE, DELETE)
"""What a person can order of the Graph subscriptions (`python -m admin subscriptions`)."""


class Changed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Look again at these users, or these groups: whoever was read after `at` needs no look.

    `why`: who asks, see `WHY`. `since`: with delta's words, when the round before this one ended; after a
    notification, when that came, of several of one user the first. An endpoint writes none.
    `call`: what began this, for the log.
    """

    at: datetime
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    look: int = 1
    why: str = HEARD
    since: datetime | None = None
    call: str = ""
    schema: int = 1


class LifecycleEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What Graph says of one of our subscriptions: reauthorizationRequired, subscriptionRemoved, missed."""

    subscription: str
    event: str


class Seen(msgspec.Struct, frozen=True):
    """How many times something was seen, and when for the last time."""

    n: int
    last: datetime


class CallCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What one process saw in Graph's calls since it last told: items by class, authentic ones by the id of
    their subscription (in lower case; empty where they name none)."""

    classes: Mapping[str, Seen] = {}
    subscriptions: Mapping[str, Seen] = {}


class ReadingStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The next step of a reading in steps (`reading` is one of READINGS), lifecycle events to answer, what a
    process counted, or what a person ordered (`subscriptions` is one of ORDERS). `at`: when events came, or
    the order was given."""

    reading: str = ""
    id: str = ""
    step: int = 0
    lifecycle: tuple[LifecycleEvent, ...] = ()
    calls: CallCounts | None = None
    subscriptions: str = ""
    at: datetime | None = None
    call: str = ""
    schema: int = 1


class _Schema(msgspec.Struct, frozen=True):
    schema: int = 1


def read_changed(text: str | bytes) -> Changed:
    """Read a message of `changed-users`. Raises `BadMessage`."""
    changed = _read("changed-users", text, Changed)
    if bool(changed.users) == bool(changed.groups) or changed.at.tzinfo is None:
        raise BadMessage("changed-users: wants either users or groups, and a time with its offset")
    if not all(as_guid(one) == one for one in (*changed.users, *changed.groups)):
        raise BadMessage("changed-users: an id is no GUID in lower case")
    if changed.why not in WHY:
        raise BadMessage("changed-users: asked for by nobody that is known")
    if changed.call and not is_call(changed.call):
        raise BadMessage("changed-users: the call is no id of ours")
    return changed


def put_on_at[T: Changed | ReadingStep](message: T, inserted: datetime | None) -> T:
    """What an endpoint or a person's machine wrote, as of when the queue service took it if that is later.

    They go by their machine's clock. Where that is behind, a user read before the change would pass for one
    that was read since, and nobody would look again. From then on `since` says when the notification came,
    and the message is taken at its word: all that the watch itself writes goes by storage's clock.
    """
    if message.at is None or (isinstance(message, Changed) and not _from_endpoint(message)):
        return message
    at = message.at
    if inserted:
        at = max(at, inserted if inserted.tzinfo else inserted.replace(tzinfo=UTC))
    if isinstance(message, Changed):
        return msgspec.structs.replace(message, at=at, since=at)
    return msgspec.structs.replace(message, at=at)


def _from_endpoint(changed: Changed) -> bool:
    """Whether no job of the watch had this message in hand before."""
    return changed.why == HEARD and changed.look == 1 and changed.since is None


def once_more(text: str, now: datetime) -> str:
    """A message of `changed-users` as it goes on the queue again: it still says when the notification came.

    One that an endpoint wrote asks for a look since now, as nobody knows any more when the queue took it.
    Raises `BadMessage`.
    """
    changed = read_changed(text)
    if not _from_endpoint(changed):
        return text
    return _text(msgspec.structs.replace(changed, at=max(changed.at, now), since=changed.at))


def read_step(text: str | bytes) -> ReadingStep:
    """Read a message of `sweeps`. Raises `BadMessage`."""
    step = _read("sweeps", text, ReadingStep)
    kinds = (step.reading, step.lifecycle, step.calls is not None, step.subscriptions)
    if sum(map(bool, kinds)) != 1:
        raise BadMessage("sweeps: wants a step of a reading, lifecycle events, counts of calls, or an order")
    if step.reading and (step.reading not in READINGS or not _READING.fullmatch(step.id)):
        raise BadMessage(f"sweeps: a step wants an id and one of the readings {', '.join(READINGS)}")
    if step.subscriptions and (step.subscriptions not in ORDERS or not step.at or not step.at.tzinfo):
        raise BadMessage(f"sweeps: an order is one of {', '.join(ORDERS)}, and says when it was given")
    if step.call and not is_call(step.call):
        raise BadMessage("sweeps: the call is no id of ours")
    return step


def _read[T: Changed | ReadingStep](queue: str, text: str | bytes, kind: type[T]) -> T:
    try:
        found = msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        _expect_known(queue, text)
        # It may quote the message: whoever wrote that shall write no line of the log.
        raise BadMessage(f"{queue}: {ascii(str(fault))[1:-1][:_LONGEST]}") from None
    if found.schema > SCHEMA:
        raise NewerMessage(queue, found.schema)
    return found


def _expect_known(queue: str, text: str | bytes) -> None:
    """Of a message that can't be read: raises `NewerMessage` where it says that it is of a newer release."""
    try:
        schema = msgspec.json.decode(text, type=_Schema).schema
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return
    if schema > SCHEMA:
        raise NewerMessage(queue, schema)


def write_changed(
    at: datetime,
    *,
    users: Sequence[str] = (),
    groups: Sequence[str] = (),
    look: int = 1,
    why: str = HEARD,
    since: datetime | None = None,
) -> list[str]:
    """Messages for these ids, at most 400 in each; users of one shard of the ledger stand together.

    They go on with the call that is being worked for.
    """
    texts: list[str] = []
    call = current_call()
    users = neighbours(users)
    for start in range(0, len(users), IDS_A_MESSAGE):
        part = tuple(users[start : start + IDS_A_MESSAGE])
        texts.append(_text(Changed(at=at, users=part, look=look, why=why, since=since, call=call)))
    for start in range(0, len(groups), IDS_A_MESSAGE):
        part = tuple(groups[start : start + IDS_A_MESSAGE])
        texts.append(_text(Changed(at=at, groups=part, look=look, why=why, since=since, call=call)))
    return texts


def write_step(reading: str, reading_id: str, step: int) -> str:
    """The message that asks for one step of a reading."""
    return _text(ReadingStep(reading=reading, id=reading_id, step=step, call=current_call()))


def write_lifecycle(events: Sequence[LifecycleEvent], at: datetime) -> str:
    """The message that has these events answered, which came at that time."""
    return _text(ReadingStep(lifecycle=tuple(events), at=at, call=current_call()))


def write_calls(counts: CallCounts) -> str:
    """The message that tells what a process counted."""
    return _text(ReadingStep(calls=counts))


def write_order(order: str, at: datetime) -> str:
    """The message that has the Graph subscriptions created or deleted, as a person ordered at that time."""
    return _text(ReadingStep(subscriptions=order, at=at))


def _text(message: Changed | ReadingStep) -> str:
    return msgspec.json.encode(msgspec.structs.replace(message, schema=SCHEMA)).decode()
