"""What the tenant's timer does: facts that are due, what follows from them, groups in groups."""

from shared.findings.licences import licences_of
from shared.model import EvidenceStatus, Tier
from shared.watch.licensing import groups, nested
from shared.watch.parts import Watch
from shared.watch.reach import registration
from shared.watch.tenant_facts import facts
from shared.watch.users import rejudge


async def keep_up(watch: Watch) -> None:
    """Read the facts if they are due, pay what changed facts owe, read nested members if they are due.

    Raises `GraphError` where the tenant could not be read at all; the next run tries again.
    """
    try:
        if await facts.refresh_if_due(watch):
            await groups.ask_about_new_and_former(watch)
            await _read_report_if_premium_again(watch)
    finally:
        await rejudge.pay(watch)
    await nested.refresh_if_due(watch)


async def _read_report_if_premium_again(watch: Watch) -> None:
    """The report was refused for want of P1, and there is P1: else the old refusal is told as a new fault."""
    now = await facts.present(watch)
    if now.evidence_of("registration").status is not EvidenceStatus.NOT_PREMIUM:
        return
    if licences_of(watch.rules, watch.settings.policy, now).covering(Tier.P1):
        await registration.start(watch)
