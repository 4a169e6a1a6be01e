"""The changes of what-if once more, on Graph's JSON as plain dicts: written apart from the product.

Each function changes a world of `tests/second_judge/worlds.py` in place. `groups` maps a group's id to the
SKUs that it assigns, `members` to the ids of its members.
"""

from typing import Any

Row = dict[str, Any]
Groups = dict[str, list[str]]


def people(world: Row) -> list[Row]:
    """The users in order of id: the order in which seats are dealt out."""
    return sorted((user for user, _ in world["people"]), key=lambda user: str(user["id"]))


def row_of(world: Row, sku: str) -> Row | None:
    """The tenant's row of a SKU."""
    return next((row for row in world["tenant"]["skus"] if row["skuId"] == sku), None)


def spare(world: Row, sku: str) -> int:
    """Free seats; below zero where more are assigned than there are."""
    row = row_of(world, sku)
    if row is None:
        return 0
    return int(row["prepaidUnits"]["enabled"] + row["prepaidUnits"]["warning"] - row["consumedUnits"])


def line_of(user: Row, sku: str) -> Row | None:
    """The user's line in assignedLicenses."""
    return next((line for line in user["assignedLicenses"] if line["skuId"] == sku), None)


def consume(world: Row, sku: str, seats: int) -> None:
    """Take seats, or give them back."""
    row = row_of(world, sku)
    if row is not None:
        row["consumedUnits"] = max(0, row["consumedUnits"] + seats)


def scope_everyone(world: Row) -> None:
    """Reset is enabled for all."""
    world["policy"]["scope"] = "all"


def scope_members(world: Row, wanted: list[str], members: dict[str, set[str]]) -> None:
    """Reset is enabled for the members of these groups."""
    world["policy"]["scope"] = "groups"
    inside = set().union(*(members[group] for group in wanted))
    for user, known in world["people"]:
        known["in_scope_group"] = user["id"] in inside


def drop(world: Row, groups: Groups, sku: str) -> None:
    """The tenant never had it."""
    tenant = world["tenant"]
    tenant["skus"] = [row for row in tenant["skus"] if row["skuId"] != sku]
    tenant["subscriptions"] = [row for row in tenant["subscriptions"] if row["skuId"] != sku]
    for user, _ in world["people"]:
        for name in ("assignedLicenses", "licenseAssignmentStates"):
            user[name] = [row for row in user[name] if row["skuId"] != sku]
    for skus in groups.values():
        if sku in skus:
            skus.remove(sku)


def buy(world: Row, bought: dict[str, int]) -> None:
    """More paid seats of SKUs that the tenant has, and then whoever waits for one of them."""
    for sku, seats in bought.items():
        row = row_of(world, sku)
        assert row is not None
        row["prepaidUnits"]["enabled"] += seats
        row["capabilityStatus"] = "Enabled"
        if any(s["skuId"] == sku for s in world["tenant"]["subscriptions"]):
            world["tenant"]["subscriptions"].append(
                {"id": "new", "skuId": sku, "status": "Enabled", "isTrial": False, "totalLicenses": seats}
            )
    for user in people(world):
        for source in sorted({s["assignedByGroup"] or "" for s in user["licenseAssignmentStates"]}):
            broken = [
                s
                for s in user["licenseAssignmentStates"]
                if (s["assignedByGroup"] or "") == source and s["state"] == "Error"
            ]
            for batch in [broken] if source else [[one] for one in broken]:
                repair(world, user, batch, set(bought))


def repair(world: Row, user: Row, batch: list[Row], bought: set[str]) -> None:
    """All that one source fails to assign for want of seats, or none of it."""
    codes = [one["error"] for one in batch]
    if "CountViolation" not in codes or not bought & {one["skuId"] for one in batch}:
        return
    if any(code not in ("CountViolation", "Other", "Others", None, "", "None") for code in codes):
        return
    wanted = {one["skuId"] for one in batch if line_of(user, one["skuId"]) is None}
    if all(spare(world, sku) > 0 for sku in wanted):
        for one in batch:
            one["state"], one["error"] = "Active", None
            give(world, user, one["skuId"], one["disabledPlans"])


def give(world: Row, user: Row, sku: str, off: list[str]) -> None:
    """Assign it from one more source."""
    line = line_of(user, sku)
    if line is None:
        user["assignedLicenses"].append({"skuId": sku, "disabledPlans": list(off)})
        consume(world, sku, 1)
    else:
        line["disabledPlans"] = [plan for plan in line["disabledPlans"] if plan in off]


def plans_off(world: Row, group: str) -> dict[str, list[str]]:
    """What a group switches off, by what its first member shows."""
    shown: dict[str, list[str]] = {}
    for user in people(world):
        for state in user["licenseAssignmentStates"]:
            if state["assignedByGroup"] == group:
                shown.setdefault(state["skuId"], state["disabledPlans"])
    return shown


def move(world: Row, groups: Groups, shown: dict[str, list[str]], source: str, target: str) -> None:
    """From one group to another. `shown`: `plans_off` of the target before anything was changed."""
    for user in people(world):
        mine = [s for s in user["licenseAssignmentStates"] if s["assignedByGroup"] == source]
        if not mine:
            continue
        there = any(s["assignedByGroup"] == target for s in user["licenseAssignmentStates"])
        had = {line["skuId"] for line in user["assignedLicenses"]}
        short = {sku for sku in groups[target] if sku not in had and spare(world, sku) <= 0}
        leave(world, user, source)
        if there:
            continue
        for sku in groups[target]:
            off = shown.get(sku, [])
            state = {"skuId": sku, "assignedByGroup": target, "disabledPlans": off if not short else []}
            if short:
                state |= {"state": "Error", "error": "CountViolation" if sku in short else "Other"}
            else:
                state |= {"state": "Active", "error": None}
                give(world, user, sku, off)
            user["licenseAssignmentStates"].append(state)


def leave(world: Row, user: Row, group: str) -> None:
    """What only this group assigned goes; what stays has the plans on that its other sources have on."""
    gone = {s["skuId"] for s in user["licenseAssignmentStates"] if s["assignedByGroup"] == group}
    user["licenseAssignmentStates"] = [
        s for s in user["licenseAssignmentStates"] if s["assignedByGroup"] != group
    ]
    for line in list(user["assignedLicenses"]):
        if line["skuId"] in gone:
            rest = [
                set(s["disabledPlans"])
                for s in user["licenseAssignmentStates"]
                if s["skuId"] == line["skuId"] and s["state"] in ("Active", "ActiveWithError")
            ]
            if rest:
                line["disabledPlans"] = sorted(set.intersection(*rest))
            else:
                user["assignedLicenses"].remove(line)
                consume(world, line["skuId"], -1)
