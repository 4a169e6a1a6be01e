"""Findings of every kind and state, with every step of its remedy, for tests of cards."""

import json
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import msgspec

from shared.model import Finding, Moment, Step, SubjectType
from shared.notify.cards import Backdrop, card
from shared.notify.entries import Ended, Entry
from shared.notify.messages import Item, Message
from shared.notify.names import Names, Person
from shared.notify.wording import Wording
from shared.rules.kinds import KindRow
from shared.texts.catalogue import Catalogue, catalogue
from tests.notify.story import RULES, TENANT, second

EMS_E3 = "efccb6f7-5641-4e0e-bd10-b4976e1bf68e"
OFFICE_E3 = "6fd2c87f-b296-42f0-b197-1e91e994b900"
USER_ID = "11111111-1111-4111-8111-111111111111"
GROUP_ID = "22222222-2222-4222-8222-222222222222"
TEXTS = catalogue()
BACKDROP = Backdrop(edition="2017-10-24", differing={"2025-03-04": 7}, users=1000)

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


def all_texts(payload: Any) -> Iterator[str]:
    """Every string of a payload that people may see."""
    if isinstance(payload, Mapping):
        for key, value in payload.items():
            if isinstance(value, str) and key in ("text", "title", "value", "fallbackText"):
                yield value
            else:
                yield from all_texts(value)
    elif isinstance(payload, list):
        for one in payload:
            yield from all_texts(one)


def schema_faults(payload: Mapping[str, Any]) -> list[str]:
    """What Microsoft's schema of Adaptive Cards 1.4 objects to; `msteams` is Teams' own and not in it."""
    spec = find_spec("adaptive_cards")
    assert spec is not None
    assert spec.submodule_search_locations
    path = Path(spec.submodule_search_locations[0]) / "schemas" / "schema-1.4.json"
    validator = jsonschema.Draft6Validator(json.loads(path.read_text()))
    content = {key: value for key, value in payload["attachments"][0]["content"].items() if key != "msteams"}
    return [fault.message for fault in validator.iter_errors(content)]


def many(count: int, moment: Moment = Moment.OPENED, name: str = "u", **fields: Any) -> tuple[Item, ...]:
    """So many findings of different users."""
    return tuple(
        Item(moment=moment, entry=entry(id=f"{name}{n}", subject_id=f"{name}-{n:06}", **fields))
        for n in range(count)
    )


def size(payload: Mapping[str, Any]) -> int:
    """Bytes of a payload as it is sent."""
    return len(msgspec.json.encode(payload))


def facts_of(payload: Mapping[str, Any]) -> dict[str, str]:
    """The facts of a card by title; of two with one title the last."""
    body = payload["attachments"][0]["content"]["body"]
    return {fact["title"]: fact["value"] for one in body if one["type"] == "FactSet" for fact in one["facts"]}


def text_of(payload: Mapping[str, Any]) -> str:
    """Everything that people may see, a line each."""
    return "\n".join(all_texts(payload))
