"""The faults that the watch can have, as codes. Pure. Their words are the catalogue's, `problems.<code>`."""

from collections.abc import Mapping
from typing import Literal, get_args

from shared.graph.subscription_plan import Reason

Overdue = Literal[
    "facts-overdue",
    "registration-overdue",
    "delta-overdue",
    "sweep-overdue",
    "errors-overdue",
    "named-groups-overdue",
    "subscriptions-overdue",
    "subscription-missing",
    "notifications-silent",
    "readings-refused",
    "outbox-stranded",
    "housekeeping-overdue",
    "storage-newer",
]
"""What nobody notes who does the work, since it is the work that is not done; `overdue.py` finds these."""

Code = Literal[
    "sweep",
    "delta",
    "groups-delta",
    "skus",
    "groups",
    "registration",
    "subscription-users",
    "subscription-groups",
    "poison",
    Overdue,
]
"""What is wrong: the reading of all users, the delta query on users or groups, the list of products (or what
else tells of them), the groups that assign licences, the registration report, the notifications of users or
groups; work that failed again and again; what is overdue."""

CODES: frozenset[str] = frozenset(get_args(Code))

OVERDUE: tuple[Overdue, ...] = get_args(Overdue)
"""The codes that `overdue.py` finds, and that are over when it finds them no more."""

NEWER: Overdue = "storage-newer"
"""A newer release has written what this one can't read: whoever comes upon that may note it."""

PERMISSION, EMPTY = str(Reason.PERMISSION), "empty-list"

CAUSES: Mapping[str, frozenset[str]] = {
    "sweep": frozenset({PERMISSION}),
    "delta": frozenset({PERMISSION}),
    "skus": frozenset({PERMISSION}),
    "registration": frozenset({PERMISSION, EMPTY}),
    "subscription-users": frozenset(Reason),
    "subscription-groups": frozenset(Reason) - {Reason.PERMISSION},
}
"""Codes that ask something else of a person by their cause; the detail that is noted begins with it."""


def cause_of(code: str, detail: str) -> str:
    """The cause that a noted detail begins with, as `address:` does; empty where the code has none."""
    word = detail.partition(":")[0]
    return word if word in CAUSES.get(code, ()) else ""


def problems(unwell: Mapping[str, str]) -> list[str]:
    """The noted faults as `findings.of_tenant` takes them: `code`, or `code:cause`, in order."""
    return [
        f"{code}:{cause}" if (cause := cause_of(code, detail)) else code
        for code, detail in sorted(unwell.items())
    ]
