"""The messages on the queues `changed-users` and `sweeps`: JSON, read strictly.

`{"users": [ids], "look": 1, "at": time}` or `{"groups": [ids], …}` on `changed-users`;
`{"sweep": id, "step": n}` or `{"lifecycle": [{"subscription": id, "event": name}]}` on `sweeps`.
A message that can't be read raises `BadMessage`; after five tries the queue puts it aside as poison.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

IDS_A_MESSAGE = 400
"""A queue message holds 48 KB before base64; 400 ids take a third of that."""


class BadMessage(Exception):
    """A queue message is not of any known shape. Nothing was changed."""


class Changed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Look again at these users, or these groups: whoever was read after `at` needs no look."""

    at: datetime
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    look: int = 1


class LifecycleEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What Graph says of one of our subscriptions: reauthorizationRequired, subscriptionRemoved, missed."""

    subscription: str
    event: str


class SweepStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The next step of the paged reading of all users, or lifecycle events to answer."""

    sweep: str = ""
    step: int = 0
    lifecycle: tuple[LifecycleEvent, ...] = ()
    at: datetime | None = None


def read_changed(text: str | bytes) -> Changed:
    """Read a message of `changed-users`. Raises `BadMessage`."""
    try:
        changed = msgspec.json.decode(text, type=Changed)
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise BadMessage(f"changed-users: {fault}") from None
    if bool(changed.users) == bool(changed.groups) or changed.at.tzinfo is None:
        raise BadMessage("changed-users: wants either users or groups, and a time with its offset")
    return changed


def read_sweep(text: str | bytes) -> SweepStep:
    """Read a message of `sweeps`. Raises `BadMessage`."""
    try:
        step = msgspec.json.decode(text, type=SweepStep)
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise BadMessage(f"sweeps: {fault}") from None
    if bool(step.sweep) == bool(step.lifecycle):
        raise BadMessage("sweeps: wants either a sweep or lifecycle events")
    return step


def write_changed(
    at: datetime, *, users: Sequence[str] = (), groups: Sequence[str] = (), look: int = 1
) -> list[str]:
    """Messages for these ids, at most 400 in each."""
    texts: list[str] = []
    for start in range(0, len(users), IDS_A_MESSAGE):
        part = tuple(users[start : start + IDS_A_MESSAGE])
        texts.append(_text(Changed(at=at, users=part, look=look)))
    for start in range(0, len(groups), IDS_A_MESSAGE):
        part = tuple(groups[start : start + IDS_A_MESSAGE])
        texts.append(_text(Changed(at=at, groups=part, look=look)))
    return texts


def write_sweep(sweep: str, step: int) -> str:
    """The message that asks for one step of a sweep."""
    return _text(SweepStep(sweep=sweep, step=step))


def _text(message: msgspec.Struct) -> str:
    return msgspec.json.encode(message).decode()
