"""The product's judge and the second one agree on 100,000 random users, in both editions.

The second judge (`second_judge.py`) was written from the same specification with another structure, its own
tables and its own list of SKUs. A disagreement is printed as the user's JSON and both answers; which of the
two is wrong, the specification decides.
"""

import json
from collections import Counter
from datetime import datetime
from typing import Any

import msgspec
import pytest

from shared.judgement import Judge
from shared.model import (
    CommerceSubscription,
    Evidence,
    EvidenceStatus,
    Registration,
    Sku,
    Standing,
    TenantFacts,
    User,
)
from shared.rules.loader import load_rules
from shared.rules.policy import Policy
from tests.second_judge.answers import answer_of
from tests.second_judge.decision_tables import (
    COVERED_CAUSES,
    EXCLUSIONS,
    IN_REACH,
    UNCOVERED_CAUSES,
    UNDETERMINED_CAUSES,
    WRITEBACK_CAUSES,
)
from tests.second_judge.second_judge import judge
from tests.second_judge.worlds import make_world

EDITIONS = ("2017-10-24", "2025-03-04")
CHUNKS, WORLDS, USERS = 20, 25, 200

Row = dict[str, Any]


# --- the same facts in the product's types -----------------------------------------------------------------


def sku_of(row: Row, subscriptions: list[Row]) -> Sku:
    """A row of /subscribedSkus with its subscriptions."""
    units = row["prepaidUnits"]
    return Sku(
        sku_id=row["skuId"],
        part_number=row["skuPartNumber"],
        applies_to=row["appliesTo"],
        status=row["capabilityStatus"],
        enabled=units["enabled"],
        warning=units["warning"],
        suspended=units["suspended"],
        locked_out=units["lockedOut"],
        consumed=row["consumedUnits"],
        plans=tuple(plan["servicePlanId"] for plan in row["servicePlans"]),
        subscriptions=tuple(
            CommerceSubscription(
                id=s["id"], status=s["status"], is_trial=s["isTrial"], total=s["totalLicenses"]
            )
            for s in subscriptions
            if s["skuId"] == row["skuId"]
        ),
    )


def facts_of(tenant: Row, at: datetime) -> TenantFacts:
    """The tenant's facts; a registration report that was read says when."""
    read_at = tenant["registration_read_at"]
    registration = Evidence(status=EvidenceStatus.FAILED, read_at=read_at, tried_at=at)
    once_read = Evidence(status=EvidenceStatus.OK, read_at=at, tried_at=at)
    never = Evidence()
    return TenantFacts(
        tenant_id="tenant",
        generation=1,
        observed_at=at,
        admin_sspr_allowed=tenant["admins_may_reset"],
        domains=tenant["domains"],
        skus={row["skuId"]: sku_of(row, tenant["subscriptions"]) for row in tenant["skus"]},
        evidence={
            "skus": once_read if tenant["skus"] else never,
            "subscriptions": once_read if tenant["skus"] else never,
            "organization": once_read,
            "registration": never if read_at is None else registration,
        },
    )


def standing_of(known: Row) -> Standing:
    """What is known of the user besides."""
    row = known["registration"]
    return Standing(
        registration=None if row is None else msgspec.convert(row, Registration),
        in_scope_group=known["in_scope_group"],
        emergency=known["emergency"],
        used=known["used"],
        enabled_since=known["enabled_since"],
    )


def policy_of(policy: Row, edition: str) -> Policy:
    """The administrator's choices under one edition."""
    groups = ("scope-group",) if policy["scope"] == "groups" else ()
    return Policy(edition=edition, scope_groups=groups, **policy)


def readable(value: Any) -> str:
    """For a person: JSON, sets sorted."""
    return json.dumps(
        value, indent=1, default=lambda one: sorted(one) if isinstance(one, set | frozenset) else str(one)
    )


def told(seed: int, edition: str, user: Row, known: Row, world: Row, ours: Row, theirs: Row) -> str:
    """What one needs to see to find out who is wrong."""
    held = {a["skuId"] for a in user["assignedLicenses"] + user["licenseAssignmentStates"]}
    shown = {
        "user": user,
        "known": known,
        "policy": world["policy"],
        "skus": [row for row in world["tenant"]["skus"] if row["skuId"] in held],
        "subscriptions": [s for s in world["tenant"]["subscriptions"] if s["skuId"] in held],
        "tenant": {k: world["tenant"][k] for k in ("domains", "admins_may_reset", "registration_read_at")},
    }
    differing = [key for key in ours if ours[key] != theirs[key]]
    lines = [f"{key}: the product says {ours[key]}, the second judge {theirs[key]}" for key in differing]
    return "\n".join([f"world {seed}, edition {edition}", *lines, readable(shown)])


# --- the promises ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_both_judges_give_the_same_answer(chunk: int) -> None:
    rules = load_rules()
    for seed in range(chunk * WORLDS, (chunk + 1) * WORLDS):
        world = make_world(seed, USERS)
        at, tenant = world["at"], world["tenant"]
        facts = facts_of(tenant, at)
        judges = {edition: Judge(rules, policy_of(world["policy"], edition), facts) for edition in EDITIONS}
        for user, known in world["people"]:
            typed, standing = msgspec.convert(user, User), standing_of(known)
            given = {edition: one.judged(typed, standing, at) for edition, one in judges.items()}
            for edition, other in (EDITIONS, EDITIONS[::-1]):
                ours = answer_of(given[edition].verdict)
                theirs = judge(user, tenant, world["policy"], known, at, edition)
                theirs = {key: theirs[key] for key in ours}
                assert ours == theirs, told(seed, edition, user, known, world, ours, theirs)
                assert given[other].others[edition] == ours["state"]


STATES = ("covered", "uncovered", "writeback-uncovered", "undetermined", "not-in-reach")
OUT_OF_REACH = (
    *(code for _, code in EXCLUSIONS),
    "sspr-not-enabled",
    "outside-scope-group",
    "not-capable",
    "not-used",
    "cannot-reset",
    "not-yet-reported",
)
# No class or plan that gets as far as being asked is answered "no" by an edition today.
NEVER_BY_THESE_EDITIONS = ("edition-no",)
CAUSES = {
    "covered": (*COVERED_CAUSES, "administrator-free"),
    "uncovered": (*(c for c in UNCOVERED_CAUSES if c not in NEVER_BY_THESE_EDITIONS), "nothing-held"),
    "writeback-uncovered": (*WRITEBACK_CAUSES, "plan-off", "cloud-level-only"),
    "undetermined": (*UNDETERMINED_CAUSES, "reach-unknown", "writeback-unknown"),
    "not-in-reach": OUT_OF_REACH,
}
WARNINGS = (
    "plan-off",
    "pool-short",
    "sku-grace",
    "developer-sku",
    "is-trial-unreadable",
    "active-with-error",
    "contested",
)
BECAUSE = ("licence-errors", "sku-unknown", "sku-contested", "evidence-missing", "setting-needed")


def test_the_random_users_bring_out_every_state_cause_reach_and_warning() -> None:
    seen: Counter[tuple[str, str]] = Counter()
    for seed in range(CHUNKS * WORLDS // 4):
        world = make_world(seed, USERS)
        for user, known in world["people"]:
            for edition in EDITIONS:
                answer = judge(user, world["tenant"], world["policy"], known, world["at"], edition)
                seen["state", answer["state"]] += 1
                seen[answer["state"], answer["cause"]] += 1
                seen["reach", answer["reach"]] += 1
                seen.update(("warning", code) for code, _ in answer["warnings"])
                seen.update(("because", kind) for kind, _, _ in answer["because"])
    wanted = {
        *(("state", state) for state in STATES),
        *((state, cause) for state, causes in CAUSES.items() for cause in causes),
        *(("reach", code) for code in (*IN_REACH, *OUT_OF_REACH, "unknown")),
        *(("warning", code) for code in WARNINGS),
        *(("because", kind) for kind in BECAUSE),
    }
    assert not wanted - seen.keys()
    assert not {key for key in seen if key[0] in ("state", "reach", "warning", *STATES)} - wanted
