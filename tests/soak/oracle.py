"""Judges the ledger after a soak: against the second judge on the tenant as it is, and its journal."""

from datetime import datetime

import msgspec

from sandbox.graph.simulator import Simulator
from shared.ledger.ledger import Ledger
from shared.model import Evidence
from tests.oracle import policies, truth
from tests.oracle.comparison import compare
from tests.oracle.replay import open_in_ledger, replay
from tests.oracle.truth import Readings, Row, Truth
from tests.soak.troupe import POLICY

SHOWN = 20
"""So many differences are told whole; the rest is counted."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What was found: `users` and `lines` looked at, `lost` differences between ledger and truth, `holes` in
    the journal or between it and the ledger."""

    users: int
    lines: int
    findings: int
    lost: tuple[str, ...]
    holes: tuple[str, ...]


async def judged(
    ledger: Ledger, simulator: Simulator, at: datetime, policy: Row | None = None, final: Truth | None = None
) -> Judged:
    """Judge everything, at what the app takes the time to be. Raises what reading the ledger raises."""
    final = final or await truth_of(ledger, simulator, at, policy or policies.policy_of(POLICY))
    lost = [str(one).splitlines()[0] for one in await compare(ledger, final)]
    replayed = await replay(ledger)
    holes = list(replayed.faults)
    held = await open_in_ledger(ledger, simulator.world.organization.id)
    for key in sorted(held.keys() | replayed.open.keys()):
        if held.get(key) != replayed.open.get(key):
            holes.append(
                f"finding {key}: the ledger has {held.get(key)}, its journal {replayed.open.get(key)}"
            )
    return Judged(
        users=len(final.users),
        lines=len(replayed.ids),
        findings=len(held),
        lost=tuple(lost),
        holes=tuple(holes),
    )


async def truth_of(ledger: Ledger, simulator: Simulator, at: datetime, policy: Row) -> Truth:
    """Every user of the tenant as Graph would show it now, judged by the second judge.

    The report never changes in a soak, so it is what it was when the watch read it. Since when an account is
    enabled only the watch knows.
    """
    world = simulator.world
    world.rates = msgspec.structs.replace(world.rates, throttling=False)
    record = (await ledger.read_tenant()).record
    evidence = (record.facts.evidence if record.facts else {}).get("registration", Evidence())
    readings = Readings(report=world.report.rows if evidence.read_at else None, report_at=evidence.read_at)
    since = {one.id: one.enabled_since async for one in ledger.records()}
    return await truth.read(simulator, policy, readings, since, at)
