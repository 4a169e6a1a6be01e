"""The order to release what the brake holds: it is only written, the notifier follows it."""

from datetime import datetime

from admin.connection import Desk, wrong
from admin.words import say
from shared.notify.agreed import ReleaseOrder, order_release
from shared.notify.proposals import OWNER_AT_MOST, Fault


async def release(desk: Desk, by: str, now: datetime, *, discard: bool) -> None:
    """Write the order and say what will come of it. Raises `WrongInput` where nobody gives it."""
    by = " ".join(by.split())
    if not by:
        raise wrong(Fault("no-by"))
    if len(by) > OWNER_AT_MOST:
        raise wrong(Fault("long-by", {"n": len(by), "most": OWNER_AT_MOST}))
    await order_release(desk.storage.ledger, desk.tenant_id, ReleaseOrder(at=now, by=by, discard=discard))
    print(say("released", "discard" if discard else "tell", by=by))
