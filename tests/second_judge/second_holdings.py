"""§2 of the second judge: what one SKU gives one user, from Graph's JSON."""

from typing import Any

from tests.second_judge.catalogue import CATALOGUE, OFFICE_LETTERS, PLAN_IDS
from tests.second_judge.decision_tables import (
    ANSWERS,
    CONTESTED_BY_DEFAULT,
    CONTESTED_TABLE,
    COUNTING_STATES,
    LEVEL_OF,
    LIVE_STATES,
    LOSSES,
    NEVER_FOR_A_PERSON,
    TRIAL_TABLE,
    WORTH_ORDER,
)

Row = dict[str, Any]
LETTERS = {plan: letter for letter, plan in PLAN_IDS.items()}
UNLISTED: Row = {"class": "unlisted", "plans": None}
NOTHING: Row = {"reset": "no", "level": "none", "warnings": set(), "because": set()}


def letters_of(plans: list[str]) -> frozenset[str]:
    """The plans that matter, as letters."""
    return frozenset(LETTERS[plan] for plan in plans if plan in LETTERS)


def usable_seats(row: Row) -> int:
    """Seats that work now: enabled, and warning (grace)."""
    return int(row["prepaidUnits"]["enabled"]) + int(row["prepaidUnits"]["warning"])


def in_grace(row: Row) -> bool:
    """The SKU lives on its grace period."""
    units = row["prepaidUnits"]
    return bool(row["capabilityStatus"] == "Warning" or (units["enabled"] == 0 and units["warning"] > 0))


def counting(source: Row) -> bool:
    """This source of a licence counts."""
    return source["state"] in COUNTING_STATES


def held_skus(user: Row) -> list[str]:
    """What is assigned, then what is meant to be and fails; each once."""
    states = user["licenseAssignmentStates"]
    working = {s["skuId"] for s in states if counting(s)}
    failing = [s["skuId"] for s in states if s["skuId"] not in working]
    return list(dict.fromkeys([a["skuId"] for a in user["assignedLicenses"]] + failing))


def only_for_resources(user: Row) -> bool:
    """Something is assigned, and all of it is for rooms, devices, robots or phone numbers."""
    classes = {CATALOGUE.get(a["skuId"], UNLISTED)["class"] for a in user["assignedLicenses"]}
    return bool(classes) and classes <= {"device", "robot", "resource"}


def observe(sku: str, user: Row, tenant: Row, policy: Row) -> Row:
    """All that a table asks about one SKU on one user."""
    row = next((one for one in tenant["skus"] if one["skuId"] == sku), None)
    entry = CATALOGUE.get(sku, UNLISTED)
    plans = letters_of([p["servicePlanId"] for p in row["servicePlans"]]) if row else entry["plans"]
    lines = [a for a in user["assignedLicenses"] if a["skuId"] == sku]
    sources = [s for s in user["licenseAssignmentStates"] if s["skuId"] == sku]
    disabled = letters_of([plan for line in lines or sources for plan in line["disabledPlans"]])
    inside: frozenset[str] = plans or frozenset()
    premium = inside & {"1", "2"}
    deciding = premium - disabled or premium or inside & {"B"} or inside & {"E"}
    kind = entry["class"]
    return {
        "sku": sku,
        "kind": kind,
        "row": row,
        "sources": sources,
        "switched_off": bool(deciding) and deciding <= disabled,
        "premium": bool(premium),
        "gone": bool(tenant["skus"]) and row is None,
        "for_devices": kind in ("device", "resource"),
        "for_robots": kind == "robot",
        "developer_ignored": kind == "developer" and policy["developer_skus"] == "ignore",
        "no_working_source": bool(sources) and not any(map(counting, sources)),
        "no_usable_seat": row is not None and usable_seats(row) == 0,
        "developer": kind == "developer",
        "has_p2": "2" in deciding,
        "has_p1": "1" in deciding,
        "has_basic": "B" in deciding,
        "has_basic_edu": "E" in deciding,
        "paid_suite": kind in ("suite", "standard", "student"),
        "paid_workload": kind == "workload",
        "free": kind in ("free", "edu-free"),
        "trial_class": kind == "trial",
        "listed": kind not in ("unlisted", "add-on"),
        "plans_unreadable": plans is None or (kind == "add-on" and row is None),
        "no_office_plan": not inside & OFFICE_LETTERS,
        "always": True,
    }


def trial_standing(seen: Row, tenant: Row) -> tuple[str, bool]:
    """`paid`, `trial` or `undetermined`, and whether some subscription did not say."""
    live = [s for s in tenant["subscriptions"] if s["skuId"] == seen["sku"] and s["status"] in LIVE_STATES]
    unpaid = [s for s in live if s["isTrial"] is True]
    paid = [s for s in live if s["isTrial"] is not True]
    consumed = seen["row"]["consumedUnits"] if seen["row"] else 0
    enough = sum(s["totalLicenses"] for s in paid) >= consumed
    outcome = TRIAL_TABLE[(bool(live), bool(unpaid), bool(paid), enough)]
    return outcome, any(s["isTrial"] is None for s in live)


def worth(seen: Row, tenant: Row, policy: Row, edition: str) -> Row:
    """What the SKU would give, were it assigned and its seats usable."""
    sku, step = seen["sku"], next(reason for name, reason in WORTH_ORDER if seen[name])
    if step not in LEVEL_OF:
        return NOTHING | {"reason": step}
    level = LEVEL_OF[step]
    if (step == "developer" and seen["premium"]) or (step == "sku-unknown" and seen["row"] is None):
        level = "p1"
    asked = "standard" if step == "paid-suite" and seen["kind"] == "standard" else step
    if step == "developer" and level == "p1":
        asked = "p1"
    trial = trial_standing(seen, tenant) if step in ("paid-suite", "paid-workload") else ("paid", False)
    if trial[0] == "trial":
        return NOTHING | {"reason": "trial-subscription"}
    edition_says = ANSWERS[edition][asked]
    option = policy["contested"] or CONTESTED_BY_DEFAULT[edition]
    reset, reason = CONTESTED_TABLE[option] if edition_says == "contested" else (edition_says, step)
    warnings = {("contested", sku)} if edition_says == "contested" else set()
    if reset == "no":
        return NOTHING | {"reason": "edition-no" if edition_says == "no" else reason, "warnings": warnings}
    because = {("sku-contested", sku, "")} if reset == "undetermined" else set()
    if edition_says == "undetermined":
        because = {("evidence-missing", "skus", "") if seen["row"] is None else ("sku-unknown", sku, "")}
    if trial[0] == "undetermined":
        reset, reason = "undetermined", "trial-undetermined"
        because.add(("evidence-missing", f"trial:{sku}", ""))
    row = seen["row"]
    noted = (
        ("plan-off", seen["switched_off"]),
        ("pool-short", row is not None and not in_grace(row) and row["consumedUnits"] > usable_seats(row)),
        ("sku-grace", row is not None and in_grace(row)),
        ("developer-sku", step == "developer"),
        ("active-with-error", any(s["state"] == "ActiveWithError" for s in seen["sources"])),
        ("is-trial-unreadable", trial[1]),
    )
    warnings |= {(code, sku) for code, holds in noted if holds}
    if seen["switched_off"] and level == "p1":
        level = "p1-off"
    return {"reset": reset, "level": level, "reason": reason, "warnings": warnings, "because": because}


def read_holding(sku: str, user: Row, tenant: Row, policy: Row, edition: str) -> Row:
    """How one SKU of one user reads: `reset`, `level`, `reason`, `warnings`, `because`, and of what is lost
    `lost_level`. A licence that would give nothing if it were repaired keeps its own reason."""
    seen = observe(sku, user, tenant, policy)
    would = worth(seen, tenant, policy, edition)
    losses = [reason for name, reason in LOSSES if seen[name]]
    if not losses:
        return would | {"lost_level": "none"}
    never = [reason for reason in losses if reason in NEVER_FOR_A_PERSON]
    reason = (never or ([] if would["level"] != "none" else [would["reason"]]) or losses)[0]
    groups = {s["assignedByGroup"] for s in seen["sources"] if not counting(s)} - {None}
    because = {("licence-errors", sku, group) for group in groups} if reason == "assignment-failed" else set()
    surely = would["reset"] == "yes"
    return NOTHING | {
        "reason": reason,
        "because": because,
        "lost_level": would["level"] if surely else "none",
    }
