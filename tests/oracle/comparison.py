"""The ledger against the truth: user by user, and the findings that hang on both."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from shared.ledger.ledger import Ledger
from shared.ledger.manifest import TENANT
from shared.ledger.records import SubjectRecord, UserRecord
from tests.oracle.truth import BROKEN, CHECKED, EDITIONS, Row, Truth, tenant_findings
from tests.second_judge.answers import answer_of
from tests.second_judge.decision_tables import TIERS


@dataclass(slots=True)
class Difference:
    """Something that the ledger says otherwise. `shown` is what there is to know of it."""

    about: str
    ledger: Any
    truth: Any
    shown: Any = None

    def __str__(self) -> str:
        head = f"{self.about}: the ledger says {_readable(self.ledger)}, the truth is {_readable(self.truth)}"
        return head if self.shown is None else f"{head}\n{_readable(self.shown, 1)}"


def _readable(value: Any, indent: int | None = None) -> str:
    return json.dumps(
        value,
        indent=indent,
        default=lambda one: sorted(one) if isinstance(one, set | frozenset) else str(one),
    )


async def compare(ledger: Ledger, truth: Truth) -> list[Difference]:
    """Every difference; none is what must come out."""
    records = {record.id: record async for record in ledger.records()}
    found: list[Difference] = []
    for user_id in sorted(truth.users):
        record = records.get(user_id)
        if record is None:
            shown = _shown(user_id, truth)
            found.append(Difference(f"user {user_id}", "not there", truth.of(user_id)["state"], shown))
        else:
            found += _of_user(record, truth)
    for user_id in sorted(records.keys() - truth.users.keys()):
        found += _of_gone(records[user_id])
    subject = (await ledger.read_tenant()).record.subjects.get(TENANT, SubjectRecord())
    ours = {
        (one.finding.kind, one.finding.about) for one in subject.open.values() if one.finding.kind in CHECKED
    }
    theirs = tenant_findings(truth)
    if ours != theirs:
        shown = {"skus": truth.tenant["skus"], "subscriptions": truth.tenant["subscriptions"]}
        found.append(Difference("findings of the tenant", sorted(ours), sorted(theirs), shown))
    return found


def _of_user(record: UserRecord, truth: Truth) -> Iterable[Difference]:
    name = f"user {record.id}"
    ours, theirs = {**answer_of(record.verdict), "tier": int(record.verdict.tier)}, truth.of(record.id)
    # Of somebody out of reach no tier is asked.
    tier = TIERS[theirs["level"]] if "level" in theirs else ours["tier"]
    wanted = {key: tier if key == "tier" else theirs[key] for key in ours}
    differing = [key for key in ours if ours[key] != wanted[key]]
    if record.gone_at is not None:
        yield Difference(name, "gone", theirs["state"], _shown(record.id, truth))
        return
    if differing:
        told = [{key: one[key] for key in differing} for one in (ours, wanted)]
        shown = {"observed_at": record.observed_at, "judged_by": record.judged_by.generation}
        yield Difference(name, told[0], told[1], shown | _shown(record.id, truth))
    others = {
        edition: truth.answers[record.id][edition]["state"]
        for edition in EDITIONS
        if edition != truth.policy["edition"]
    }
    if {key: state.value for key, state in record.others.items()} != others:
        yield Difference(f"{name}, by other editions", dict(record.others), others, _shown(record.id, truth))
    yield from _failures(record, truth)
    kinds = {one.finding.kind for one in record.open.values()}
    states = {one.finding.state for one in record.open.values() if one.finding.kind == "coverage"}
    state = record.verdict.state.value
    if states != ({state} if state in BROKEN else set()):
        yield Difference(f"{name}, its coverage finding", sorted(states), state)
    if not kinds <= _possible(state):
        yield Difference(f"{name}, its findings", sorted(kinds), f"possible of {state}: {_possible(state)}")


def _failures(record: UserRecord, truth: Truth) -> Iterable[Difference]:
    """A failed licence is told by the codes with which it fails now, and by no others."""
    rows = truth.users[record.id]["licenseAssignmentStates"]
    for one in record.open.values():
        if one.finding.kind == "assignment-error":
            ours = set(one.finding.facts["codes"])
            failing = [row for row in rows if row["skuId"] == one.finding.about and row["state"] == "Error"]
            theirs = {row["error"] for row in failing}
            if ours != theirs:
                yield Difference(f"user {record.id}, codes of its failed licence", ours, theirs, rows)


def _possible(state: str) -> set[str]:
    """Kinds of findings that somebody in this state may have."""
    if state in BROKEN:
        return {"coverage", "assignment-error"}
    return {"ends-soon"} if state == "covered" else {"not-a-person-licence"}


def _of_gone(record: UserRecord) -> Iterable[Difference]:
    if record.gone_at is None:
        yield Difference(f"user {record.id}", record.verdict.state.value, "gone")
    elif record.open or record.verdict.cause != "deleted" or record.verdict.state.value != "not-in-reach":
        told = (record.verdict.state.value, record.verdict.cause, sorted(record.open))
        yield Difference(f"user {record.id}, its tombstone", told, ("not-in-reach", "deleted", []))


def _shown(user_id: str, truth: Truth) -> Row:
    user = truth.users[user_id]
    held = {one["skuId"] for one in user["assignedLicenses"] + user["licenseAssignmentStates"]}
    return {
        "user": user,
        "known": truth.of(user_id)["known"],
        "skus": [
            {k: v for k, v in row.items() if k != "servicePlans"}
            for row in truth.tenant["skus"]
            if row["skuId"] in held
        ],
        "subscriptions": [one for one in truth.tenant["subscriptions"] if one["skuId"] in held],
        "tenant": {k: truth.tenant[k] for k in ("domains", "admins_may_reset", "registration_read_at")},
        "policy": truth.policy,
        "at": truth.at,
    }
