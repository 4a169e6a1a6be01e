"""Findings of every kind and state, with every step of its remedy, for tests of cards."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from shared.model import Finding, Moment, Step, SubjectType
from shared.notify.deciding.scene import RULES as RULES_CHANGED
from shared.notify.entries import Ended, Entry, Heard
from shared.notify.exceptions.exemptions import Exemption
from shared.notify.messages import (
    BASELINE,
    DECLARED,
    DIGEST,
    ENDED,
    ENDING,
    HELD,
    RELEASED,
    REMINDER,
    RETURNED,
    SINGLE,
    SUMMARY,
    Change,
    Digest,
    Item,
    ManyExemptions,
    Mass,
    Message,
)
from shared.notify.saying.cards import Backdrop, card
from shared.notify.saying.names import Names, Person
from shared.notify.saying.wording import Wording
from shared.rules.kinds import KindRow
from shared.texts.catalogue import Catalogue, catalogue
from tests.notify.card_reading import ALLOWED as ALLOWED
from tests.notify.card_reading import all_texts as all_texts
from tests.notify.card_reading import commands_of as commands_of
from tests.notify.card_reading import facts_of as facts_of
from tests.notify.card_reading import kinds_of as kinds_of
from tests.notify.card_reading import remedy_of as remedy_of
from tests.notify.card_reading import schema_faults as schema_faults
from tests.notify.card_reading import size as size
from tests.notify.card_reading import text_of as text_of
from tests.notify.card_reading import title_of as title_of
from tests.notify.story import RULES, TENANT, second

EMS_E3 = "efccb6f7-5641-4e0e-bd10-b4976e1bf68e"
OFFICE_E3 = "6fd2c87f-b296-42f0-b197-1e91e994b900"
USER_ID = "11111111-1111-4111-8111-111111111111"
GROUP_ID = "22222222-2222-4222-8222-222222222222"
TEXTS = catalogue()
AT = second(10 * 86_400)
"""When the cards are made: ten days into the story."""
BACKDROP = Backdrop(edition="2017-10-24", at=AT, differing={"2025-03-04": 7}, users=1000)

BY_STATE = [(kind, state) for kind, row in RULES.kinds.items() for state in row.states]
"""Every kind of finding in each of its states."""

VALUES: Mapping[str, Any] = {
    "sku": EMS_E3,
    "skus": [EMS_E3],
    "free": 3,
    "seats": 2,
    "groups": [GROUP_ID],
    "group": GROUP_ID,
    "reclaimable": 5,
    "sample": [USER_ID],
    "tier": "p1",
    "directory": "NL",
    "setting": "PASSWORD_WRITEBACK",
    "evidence": "registration",
    "permission": "AuditLog.Read.All",
    "code": "CountViolation",
    "users": 12,
    "problem": "registration",
    "exception": "e-1a2b3c4d",
    "route": "helpdesk",
}
"""A value for each name that a step's text can fill in."""

FACTS: Mapping[str, Any] = {
    "codes": ["CountViolation", "Other"],
    "members": 40,
    "sample": [USER_ID],
    "usable": 25,
    "consumed": 25,
    "free": 0,
    "short": {EMS_E3: 2},
    "group_skus": [EMS_E3, OFFICE_E3],
    "held": [OFFICE_E3],
    "needs": "p1",
    "ends_at": "2026-04-01T00:00:00+00:00",
    "read_at": "2026-02-01T00:00:00+00:00",
    "users": 14,
    "in_reach": 900,
    "synced_in_reach": 500,
    "losing": 4,
    "stays": 21,
    "without_seat": 3,
    "reclaimable": 5,
    "buy": 6,
    "threshold": 10,
    "would_be": "covered",
    "becomes": "uncovered",
}

ABOUTS: Mapping[str, str] = {
    "licence-errors": EMS_E3,
    "assignment-error": EMS_E3,
    "ends-soon": EMS_E3,
    "subscription-lapsing": EMS_E3,
    "over-assigned": EMS_E3,
    "seats-low": EMS_E3,
    "sku-unknown": EMS_E3,
    "sku-contested": OFFICE_E3,
    "seats-short": "p1",
    "setting-needed": "PASSWORD_WRITEBACK",
    "setting-contradicted": "PASSWORD_WRITEBACK",
    "evidence-missing": "registration",
    "watch-unwell": "facts-late",
}


def names(
    users: Mapping[str, Person] | None = None,
    groups: Mapping[str, str] | None = None,
    style: str = "full",
    texts: Catalogue = TEXTS,
) -> Names:
    """Names of a small tenant, for cards in the language of `texts`."""
    return Names(
        texts=texts,
        style=style,
        users=users if users is not None else {USER_ID: Person("Ada Example", "ada@contoso.example")},
        groups=groups if groups is not None else {GROUP_ID: "Licensing EMS"},
        product=RULES.skus.name,
        tenant="Contoso",
    )


def wording(shown: Names | None = None) -> Wording:
    """The words in the language of the names; English unless they say otherwise."""
    shown = shown or names()
    return Wording(shown.texts, shown, RULES)


def entry(kind: str = "coverage", state: str = "uncovered", **fields: Any) -> Entry:
    """A finding of that kind and state, with all its steps."""
    row = RULES.kinds[kind]
    subject_type = row.subjects[0]
    subject = {SubjectType.USER: USER_ID, SubjectType.GROUP: GROUP_ID, SubjectType.TENANT: TENANT}[
        subject_type
    ]
    values: dict[str, Any] = {
        "id": f"{kind}-{state}",
        "subject_type": subject_type,
        "subject_id": subject,
        "kind": kind,
        "state": state,
        "severity": row.severity[state],
        "fingerprint": state,
        "since": second(0),
        "changed_at": second(0),
        "about": ABOUTS.get(kind, ""),
        "rule": "S5" if row.rule_of_verdict else row.rule.get("2017-10-24", ""),
        "cause": "nothing-held" if kind == "coverage" else "",
        "skus": (EMS_E3,),
        "groups": (GROUP_ID,),
        "facts": {name: FACTS[name] for name in row.facts if name in FACTS},
        "remedy": steps(row),
        "edition": "2017-10-24",
    }
    return Entry(**(values | fields))


def steps(row: KindRow) -> tuple[Step, ...]:
    """Each step of a kind's remedy, with a value for everything its text can fill in."""
    return tuple(
        Step(step=one.step, values={name: VALUES[name] for name in one.values}) for one in row.remedy
    )


def entry_of(finding: Finding, subject_type: str, subject_id: str) -> Entry:
    """A finding as the notifier would have it."""
    return Entry(
        id="made",
        subject_type=SubjectType(subject_type),
        subject_id=subject_id,
        kind=finding.kind,
        state=finding.state,
        severity=finding.severity,
        fingerprint="made",
        since=second(0),
        changed_at=second(0),
        about=finding.about,
        rule=finding.rule,
        cause=finding.cause,
        skus=finding.skus,
        groups=finding.groups,
        facts=finding.facts,
        remedy=finding.remedy,
        because=finding.because,
        edition="2017-10-24",
    )


def ended(one: Entry, cause: str) -> Entry:
    """The same, resolved."""
    return Entry(
        **{name: getattr(one, name) for name in one.__struct_fields__} | {"ended": Ended(second(99), cause)}
    )


def single(one: Entry, moment: Moment = Moment.OPENED, shown: Names | None = None) -> dict[str, Any]:
    """Its card."""
    message = Message(
        form="single", items=(Item(moment=Moment.RESOLVED if one.ended else moment, entry=one),)
    )
    return card(message, wording(shown), BACKDROP)


def card_of(message: Message, named: Names | None = None) -> dict[str, Any]:
    """The card of a message."""
    return card(message, wording(named), BACKDROP)


def many(count: int, moment: Moment = Moment.OPENED, name: str = "u", **fields: Any) -> tuple[Item, ...]:
    """So many findings of different users."""
    return tuple(
        Item(moment=moment, entry=entry(id=f"{name}{n}", subject_id=f"{name}-{n:06}", **fields))
        for n in range(count)
    )


# --- every form ------------------------------------------------------------------------------------------


def mass(*, worse: bool = True, **fields: Any) -> Mass:
    """Five thousand users who lost, or got back, the same product."""
    values: dict[str, Any] = {
        "worse": worse,
        "users": 5012,
        "limit": 500,
        "since": second(0),
        "causes": ("nothing-held",) if worse else ("licensed",),
        "skus": (EMS_E3,),
        "groups": (GROUP_ID,),
        "kinds": {"coverage: uncovered": 5000, "coverage: writeback-uncovered": 12},
    }
    return Mass(**(values | fields))


def exemption(**fields: Any) -> Exemption:
    """An exception for one user, until a week after the cards are made."""
    values: dict[str, Any] = {
        "id": "x7k2",
        "owner": "Ada Example",
        "reason": "Leaves at the end of the month",
        "until": AT + timedelta(days=7),
        "created_at": second(0),
        "kind": "coverage",
        "subject_type": "user",
        "subject_id": USER_ID,
    }
    return Exemption(**(values | fields))


def several(count: int, **fields: Any) -> ManyExemptions:
    """So many exceptions, each for one user of `many`."""
    ones = (exemption(id=f"x{n}", subject_id=f"u-{n:06}", **fields) for n in range(count))
    return ManyExemptions(tuple(ones))


def seats() -> tuple[Entry, ...]:
    """A finding about seats of each kind."""
    counts = {"needs": 14, "free": 3, "reclaimable": 5, "buy": 6, "usable": 25, "threshold": 10}
    counts |= {"consumed": 28, "without_seat": 3}
    states = (("seats-short", "short"), ("seats-low", "low"), ("over-assigned", "over"))
    return tuple(entry(kind, state, facts=counts) for kind, state in states)


def digest(**fields: Any) -> Digest:
    """A week in which everything happened."""
    values: dict[str, Any] = {
        "next_due": AT + timedelta(days=7),
        "since": AT - timedelta(days=7),
        "opened": {"coverage: uncovered": 14, "licence-errors: error": 1},
        "resolved": {"coverage: uncovered": 11},
        "open": {"coverage: uncovered": 120, "coverage: writeback-uncovered": 35, "licence-errors: error": 2},
        "quiet": {
            "muted-by:no-writeback-licence": 40,
            "excepted": 6,
            "held-by-brake": 3,
            "flapping": 2,
            "confirming": 1,
        },
        "ends_held": {"held-by-brake": 21},
        "flapping": (entry(id="f1"), entry(id="f2", subject_id="f-2")),
        "seats": seats(),
        "exceptions": (exemption(), exemption(id="x8", subject_type="group", subject_id=GROUP_ID, kind="")),
        "waiting": 1,
        "users": 48_210,
        "swept_at": AT - timedelta(days=2),
    }
    return Digest(**(values | fields))


def quiet_digest(**fields: Any) -> Digest:
    """A week in which nothing did."""
    values: dict[str, Any] = {
        "next_due": AT + timedelta(days=7),
        "since": AT - timedelta(days=7),
        "users": 48_210,
        "swept_at": AT - timedelta(days=2),
    }
    return Digest(**(values | fields))


def change(**fields: Any) -> Change:
    """The edition was changed."""
    values: dict[str, Any] = {
        "at": second(0),
        "settings": {"edition": ("2017-10-24", "2025-03-04")},
        "opened": 12,
        "resolved": 3,
    }
    return Change(**(values | fields))


def over(items: Iterable[Item], cause: str = "licensed") -> tuple[Item, ...]:
    """The same findings, resolved."""
    return tuple(Item(moment=Moment.RESOLVED, entry=ended(one.entry, cause)) for one in items)


def news() -> tuple[Item, ...]:
    """Twelve findings that opened and three that ended."""
    return (*many(12), *over(many(3, name="over-")))


def every_form() -> dict[str, Message]:
    """A message of every form in its variations, by a name for it; `card_of` makes its card."""
    one = Item(moment=Moment.OPENED, entry=entry())
    tenant = Item(moment=Moment.OPENED, entry=entry("no-writeback-licence", "missing"))
    group = Item(moment=Moment.OPENED, entry=entry("licence-errors", "error", cause="CountViolation"))
    unwell = Item(moment=Moment.OPENED, entry=entry("watch-unwell", "unwell", about="sweep"))
    edited = {"edition": ("2017-10-24", "2025-03-04"), "writeback": ("unknown", "on")}
    product = change(settings={}, skus=(EMS_E3,), changed=2)
    of_group = exemption(subject_type="group", subject_id=GROUP_ID)
    of_kind = exemption(until=AT, subject_type="", subject_id="")
    told = Heard(state="undetermined", fingerprint="undetermined", at=second(0))
    changed = Item(moment=Moment.CHANGED, entry=entry(told={"teams": told}))
    found = {
        "single": Message(form=SINGLE, items=(one,)),
        "single-group": Message(form=SINGLE, items=(group,)),
        "single-tenant": Message(form=SINGLE, items=(tenant,)),
        "single-changed": Message(form=SINGLE, items=(changed,)),
        "single-fixed": Message(form=SINGLE, items=over([one])),
        "single-closed": Message(form=SINGLE, items=over([one], "deleted")),
        "single-unwell": Message(form=SINGLE, items=(unwell,)),
        "summary": Message(form=SUMMARY, items=(group, *news())),
        "baseline": Message(form=BASELINE, items=(tenant, group, *many(120))),
        "baseline-clean": Message(form=BASELINE),
        "reminder": Message(form=REMINDER, items=(group, *many(30))),
        "held-worse": Message(form=HELD, about=mass()),
        "held-better": Message(form=HELD, about=mass(worse=False)),
        "released-worse": Message(
            form=RELEASED, items=many(200, facts={"lost": [EMS_E3]}), about=mass(lost=(EMS_E3,))
        ),
        "released-nothing-lost": Message(form=RELEASED, items=many(200), about=mass()),
        "released-better": Message(
            form=RELEASED, items=over(many(200)), about=mass(worse=False, by="Ada Example")
        ),
        "released-one": Message(form=RELEASED, items=many(1), about=mass(users=1)),
        "released-one-better": Message(form=RELEASED, items=over(many(1)), about=mass(worse=False, users=1)),
        "returned": Message(form=RETURNED, about=mass()),
        "returned-some-left": Message(form=RETURNED, about=mass(left=12)),
        "declared-edition": Message(form=DECLARED, items=news(), about=change()),
        "declared-settings": Message(form=DECLARED, items=news(), about=change(settings=edited)),
        "declared-rules": Message(
            form=DECLARED, items=news(), about=change(settings={RULES_CHANGED: ("a1", "b2")})
        ),
        "declared-product": Message(form=DECLARED, items=news(), about=product),
        "declared-nothing": Message(form=DECLARED, about=change(opened=0, resolved=0)),
        "exception-ending": Message(form=ENDING, items=(one,), about=exemption()),
        "exception-ending-group": Message(form=ENDING, items=many(30), about=of_group),
        "exception-ended": Message(form=ENDED, items=many(3), about=exemption(until=AT)),
        "exception-ended-by-hand": Message(form=ENDED, items=(one,), about=exemption(ended_at=AT)),
        "exception-ended-kind": Message(form=ENDED, items=many(40), about=of_kind),
        "exceptions-ending": Message(form=ENDING, items=many(30), about=several(30)),
        "exceptions-ended": Message(form=ENDED, items=many(30), about=several(30, until=AT)),
        "digest": Message(form=DIGEST, about=digest()),
        "digest-first": Message(form=DIGEST, about=digest(since=None, users=None, swept_at=None)),
        "digest-quiet": Message(form=DIGEST, about=quiet_digest()),
        "digest-quiet-uncounted": Message(form=DIGEST, about=quiet_digest(users=None, swept_at=None)),
    }
    return {name: msgspec.structs.replace(message, route="teams") for name, message in found.items()}
