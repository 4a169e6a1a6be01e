"""The order to release what the brake holds: it is only written, the notifier follows it."""

from collections.abc import Sequence
from datetime import UTC, datetime

from admin.connection import Desk, wrong
from admin.intake import is_text
from admin.tenants import expect
from admin.words import say, texts
from shared.notify import memory
from shared.notify.exceptions.agreed import AgreedUnreadable, ReleaseOrder, order_release, recall_release
from shared.notify.exceptions.proposals import OWNER_AT_MOST, Fault
from shared.notify.table import Brake


async def release(desk: Desk, by: str, now: datetime, *, discard: bool) -> None:
    """Say what is held, write the order, and say what will come of it and what it replaces.

    Where nothing is held nothing is ordered. Raises `WrongInput` where nobody gives the order, and
    `TableUnreadable` where none could be followed.
    """
    by = " ".join(by.split())
    if not by:
        raise wrong(Fault("no-by"))
    if not is_text(by):
        raise wrong(Fault("not-text", {"name": "by"}))
    if len(by) > OWNER_AT_MOST:
        raise wrong(Fault("long-by", {"n": len(by), "most": OWNER_AT_MOST}))
    await expect(desk, may_begin=False)
    brakes = await memory.brakes(desk.storage.ledger, await desk.manifest())
    held = [one for one in brakes if one.holds]
    replaced = await _replaced(desk, held)
    for one in held:
        print(_held(one))
    if not held:
        print(say("held", "nothing"))
    if held or replaced:
        # The clock of this machine may be behind the notifier's, which follows no order older than the hold.
        at = max(now, *(one.at for one in held)) if held else now
        await order_release(desk.storage.ledger, desk.tenant_id, ReleaseOrder(at=at, by=by, discard=discard))
    if held:
        print(say("released", "discard" if discard else "tell", by=by))
    if replaced:
        print(replaced if held else say("held", "mended"))


def _held(one: Brake) -> str:
    direction = "worse" if one.worse else "better"
    since = texts().moment(one.since.astimezone(UTC))
    return say("held", direction, users=texts().number(one.mass.users), since=since)


async def _replaced(desk: Desk, held: Sequence[Brake]) -> str:
    """A sentence on the order that waits to be followed; empty if none does, as far as storage says.

    The notifier follows an order where something is held since before it was given, and notes that it did.
    """
    try:
        order = await recall_release(desk.storage.ledger, desk.tenant_id)
    except AgreedUnreadable:
        # It can't be followed, and keeps the notifier from its work, so another order is what mends it.
        return say("replaces_order", "unreadable")
    if order is None or not any(one.at <= order.at for one in held):
        return ""
    at = texts().moment(order.at.astimezone(UTC))
    return say("replaces_order", "discard" if order.discard else "tell", by=order.by, at=at)
