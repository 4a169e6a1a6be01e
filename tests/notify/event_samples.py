"""A message of every form, for tests of what becomes of them on a webhook."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import msgspec

from shared.model import Moment
from shared.notify import messages
from shared.notify.entries import Entry, Heard
from shared.notify.exceptions.exemptions import Exemption
from shared.notify.messages import Change, Digest, Item, ManyExemptions, Mass, Message
from shared.notify.saying.events import event
from shared.notify.saying.names import Names
from tests.notify.card_samples import EMS_E3, GROUP_ID, USER_ID, ended, entry, wording
from tests.notify.story import TENANT, second

AT = second(1_000)
SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs" / "webhook.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(
    SCHEMA, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
)

OPENED = Item(moment=Moment.OPENED, entry=entry())
CHANGED = Item(
    moment=Moment.CHANGED,
    entry=msgspec.structs.replace(
        entry(),
        changed_at=second(50),
        told={"tickets": Heard(state="undetermined", fingerprint="before", at=second(10))},
    ),
)
RESOLVED = Item(moment=Moment.RESOLVED, entry=ended(entry(), "licensed"))
STANDING = Item(
    moment=Moment.OPENED,
    entry=entry(told={"tickets": Heard(state="uncovered", fingerprint="uncovered", at=second(20))}),
)
OF_THE_TENANT = Item(moment=Moment.OPENED, entry=entry("no-licence", "missing"))
MASS = Mass(
    worse=True,
    users=5_000,
    limit=500,
    since=second(5),
    left=12,
    causes=("nothing-held",),
    skus=(EMS_E3,),
    groups=(GROUP_ID,),
    kinds={"coverage: uncovered": 5_000},
    by="ops@contoso.example",
)
CHANGE = Change(
    at=second(7), settings={"edition": ("2017-10-24", "2025-03-04")}, skus=(EMS_E3,), opened=1, resolved=1
)
EXCEPTION = Exemption(
    id="0123456789abcdef",
    owner="helpdesk@contoso.example",
    reason="Leaves in June; agreed with the works council.",
    created_at=second(0),
    until=second(900),
    kind="coverage",
    subject_type="user",
    subject_id=USER_ID,
)
EXCEPTIONS = ManyExemptions(
    tuple(msgspec.structs.replace(EXCEPTION, id=f"e-{number}") for number in range(150))
)
DIGEST = Digest(
    next_due=second(604_800),
    since=second(0),
    opened={"coverage: uncovered": 3},
    resolved={"coverage: uncovered": 1},
    open={"coverage: uncovered": 2},
    quiet={"excepted": 1},
    ends_held={"held-by-brake": 20},
    flapping=(entry(),),
    flapping_more=2,
    seats=(entry("seats-low", "low"),),
    exceptions=(EXCEPTION, Exemption(id="all", owner="", reason="", created_at=AT, until=second(900))),
    waiting=1,
    users=1_000,
    swept_at=second(3),
)

FORMS: dict[str, Message] = {
    "opened": Message(form=messages.SINGLE, items=(OPENED,)),
    "changed": Message(form=messages.SINGLE, items=(CHANGED,)),
    "resolved": Message(form=messages.SINGLE, items=(RESOLVED,)),
    "summary": Message(form=messages.SUMMARY, items=(OPENED, CHANGED, RESOLVED, OF_THE_TENANT)),
    "baseline": Message(form=messages.BASELINE, items=(OF_THE_TENANT, OPENED)),
    "clean baseline": Message(form=messages.BASELINE),
    "reminder": Message(form=messages.REMINDER, items=(STANDING,)),
    "held": Message(form=messages.HELD, about=MASS),
    "released": Message(form=messages.RELEASED, items=(OPENED,), about=MASS),
    "returned": Message(form=messages.RETURNED, about=MASS),
    "declared": Message(form=messages.DECLARED, items=(OPENED, RESOLVED), about=CHANGE),
    "ending": Message(form=messages.ENDING, items=(OPENED,), about=EXCEPTION),
    "ended": Message(form=messages.ENDED, items=(OPENED,), about=EXCEPTION),
    "many ending": Message(form=messages.ENDING, items=(OPENED, OF_THE_TENANT), about=EXCEPTIONS),
    "many ended": Message(form=messages.ENDED, items=(OPENED, OF_THE_TENANT), about=EXCEPTIONS),
    "digest": Message(form=messages.DIGEST, about=DIGEST),
    "first digest": Message(form=messages.DIGEST, about=Digest(next_due=AT), late_since=second(4)),
}
"""By a name of its own: every form, and of one finding every transition. Their route is set by `made`."""


def sent(message: Message, route: str = "tickets") -> Message:
    """The same on that route."""
    return msgspec.structs.replace(message, route=route)


def made(message: Message, shown: Names | None = None) -> dict[str, Any]:
    """Its event on the route `tickets`, as a receiver reads it."""
    payload = event(sent(message), wording(shown), tenant_id=TENANT, at=AT)
    read: dict[str, Any] = json.loads(msgspec.json.encode(payload))
    return read


def faults(made_event: Any) -> list[str]:
    """Where and why it is not what the schema says."""
    return [f"{list(one.absolute_path)}: {one.message[:200]}" for one in VALIDATOR.iter_errors(made_event)]


def alike(count: int, **fields: Any) -> tuple[Item, ...]:
    """So many findings of different users."""
    return tuple(
        Item(moment=Moment.OPENED, entry=entry(id=f"f{n}", subject_id=f"user-{n}", **fields))
        for n in range(count)
    )


def later(one: Entry, seconds: int) -> Entry:
    """The same finding, opened, changed and resolved so much later."""
    shift = timedelta(seconds=seconds)
    end = msgspec.structs.replace(one.ended, at=one.ended.at + shift) if one.ended else None
    return msgspec.structs.replace(one, since=one.since + shift, changed_at=one.changed_at + shift, ended=end)
