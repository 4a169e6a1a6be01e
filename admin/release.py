"""The order to release what the brake holds: it is only written, the notifier follows it."""

from datetime import UTC, datetime

from admin.connection import Desk, wrong
from admin.intake import is_text
from admin.tenants import expect
from admin.words import say, texts
from shared.notify import memory
from shared.notify.agreed import AgreedUnreadable, ReleaseOrder, order_release, recall_release
from shared.notify.proposals import OWNER_AT_MOST, Fault


async def release(desk: Desk, by: str, now: datetime, *, discard: bool) -> None:
    """Write the order and say what will come of it, and what it replaces.

    Raises `WrongInput` where nobody gives it, and `TableUnreadable` where no order could be followed.
    """
    by = " ".join(by.split())
    if not by:
        raise wrong(Fault("no-by"))
    if not is_text(by):
        raise wrong(Fault("not-text", {"name": "by"}))
    if len(by) > OWNER_AT_MOST:
        raise wrong(Fault("long-by", {"n": len(by), "most": OWNER_AT_MOST}))
    await expect(desk, may_begin=False)
    replaced = await _replaced(desk)
    await order_release(desk.storage.ledger, desk.tenant_id, ReleaseOrder(at=now, by=by, discard=discard))
    print(say("released", "discard" if discard else "tell", by=by))
    if replaced:
        print(replaced)


async def _replaced(desk: Desk) -> str:
    """A sentence on the order that waits to be followed; empty if none does, as far as storage says.

    The notifier follows an order where something is held since before it was given, and notes that it did.
    """
    held = await memory.brakes(desk.storage.ledger, await desk.manifest())
    try:
        order = await recall_release(desk.storage.ledger, desk.tenant_id)
    except AgreedUnreadable:
        # It can't be followed, so the new order is what mends it.
        return say("replaces_order", "unreadable")
    if order is None or not any(one.at <= order.at and one.holds for one in held):
        return ""
    at = texts().moment(order.at.astimezone(UTC))
    return say("replaces_order", "discard" if order.discard else "tell", by=order.by, at=at)
