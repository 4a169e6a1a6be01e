"""Running the checks: what others rest on first, the rest at once, each within its time and none in vain."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from azure.core.exceptions import AzureError

from admin.doctor import (
    address_checks,
    card_checks,
    clock_checks,
    forgery_checks,
    graph_checks,
    permission_checks,
    settings_checks,
    storage_checks,
    subscription_checks,
    watch_checks,
)
from admin.doctor.lights import Light, Said
from admin.doctor.room import Room
from admin.doctor.rows import BY_NAME, ROWS, Needs, light_of
from shared.graph.errors import GraphError
from shared.storage import NewerSchema

Check = Callable[[Room], Awaitable[Sequence[Said]]]

LIMIT = 25.0
"""Seconds for each check. What others rest on comes first, so that all take four times as long at most."""

CHECKS: Mapping[str, Check] = {
    "settings": settings_checks.settings,
    "schedules": settings_checks.schedules,
    "writeback": settings_checks.writeback,
    "storage": storage_checks.storage,
    "writing": storage_checks.writing,
    "places": storage_checks.places,
    "queues": storage_checks.queues,
    "poison": storage_checks.poison,
    "clock-storage": clock_checks.clock_storage,
    "clock-graph": clock_checks.clock_graph,
    "sign-in": graph_checks.sign_in,
    "tenant": graph_checks.tenant,
    "permissions": permission_checks.permissions,
    "too-broad": permission_checks.too_broad,
    "subscriptions": subscription_checks.subscriptions,
    "address": address_checks.address,
    "forged": forgery_checks.forged,
    "cards": card_checks.cards,
    "handovers": card_checks.handovers,
    "digest": card_checks.digest,
    "ledger": watch_checks.ledger,
    "health": watch_checks.health,
    "sweep": watch_checks.sweep,
    "delta": watch_checks.delta,
    "gap": watch_checks.gap,
    "evidence": watch_checks.evidence,
    "exceptions": watch_checks.exceptions,
    "previous-secret": watch_checks.previous_secret,
}

GATES: Mapping[Needs, str] = {
    Needs.SETTINGS: "settings",
    Needs.STORAGE: "storage",
    Needs.GRAPH: "sign-in",
    Needs.LEDGER: "ledger",
}
"""What must be green before those that need it are asked: one cause is one red line."""

_RESTS_ON: Mapping[Needs, tuple[str, ...]] = {
    Needs.NOTHING: (),
    Needs.SETTINGS: ("settings",),
    Needs.STORAGE: ("settings", "storage"),
    Needs.GRAPH: ("settings", "sign-in"),
    # Some ask Graph too, where it can be asked.
    Needs.LEDGER: ("settings", "storage", "sign-in", "ledger"),
}
"""The gates behind each."""

Found = Mapping[str, Sequence[Said]]


async def examine(room: Room, only: Collection[str] = ()) -> Found:
    """What each check said, in the order of the table; with `only` those alone, and what keeps them from
    being asked. Never raises for what it looks at."""
    wanted = [row for row in ROWS if not only or row.check in only]
    gates = {gate for row in wanted for gate in (row.check, *_RESTS_ON[row.needs])} & {*GATES.values()}
    found: dict[str, Sequence[Said]] = {}
    open_gates: set[Needs] = {Needs.NOTHING}
    for ordered in (("settings",), ("storage", "sign-in"), ("ledger",)):
        stage = [name for name in ordered if name in gates]
        for name, said in zip(stage, await _all(room, stage, open_gates), strict=True):
            found[name] = said
        open_gates |= {
            need
            for need, name in GATES.items()
            if name in found and _lets_through({light_of(name, one.code) for one in found[name]})
        }
    rest = [row.check for row in wanted if row.check not in gates]
    found |= dict(zip(rest, await _all(room, rest, open_gates), strict=True))
    shown = {row.check for row in wanted} | _in_the_way(rest, open_gates)
    return {row.check: found[row.check] for row in ROWS if row.check in shown}


def _lets_through(lights: Collection[Light]) -> bool:
    """What could not be looked at closes no gate where something else of it is well."""
    return Light.RED not in lights and bool({Light.GREEN, Light.AMBER} & {*lights})


def _in_the_way(names: Collection[str], open_gates: Collection[Needs]) -> set[str]:
    """The gates that keep one of these from being asked, and those that these rest on."""
    closed = {BY_NAME[name].needs for name in names} - set(open_gates)
    shut = {name for need, name in GATES.items() if need not in open_gates}
    return {gate for need in closed for gate in _RESTS_ON[need] if gate in shut}


async def _all(room: Room, names: Sequence[str], open_gates: Collection[Needs]) -> Sequence[Sequence[Said]]:
    return await asyncio.gather(*(_one(room, name, open_gates) for name in names))


async def _one(room: Room, name: str, open_gates: Collection[Needs]) -> Sequence[Said]:
    """What this check said, or why it could not."""
    needs = BY_NAME[name].needs
    if needs not in open_gates:
        return [Said(f"needs-{needs}")]
    try:
        async with asyncio.timeout(LIMIT):
            return await CHECKS[name](room)
    except TimeoutError:
        return [Said("too-long", {"n": round(LIMIT)})]
    except GraphError as problem:
        return [Said("graph", {"problem": problem.brief})]
    except AzureError as problem:
        # Its text may hold addresses; its kind is enough.
        return [Said("storage", {"problem": type(problem).__name__})]
    except NewerSchema as problem:
        return [Said("newer", {"path": problem.path})]
    except Exception as problem:  # whatever it was, the others are to be asked all the same
        return [Said("broke", {"problem": type(problem).__name__})]
