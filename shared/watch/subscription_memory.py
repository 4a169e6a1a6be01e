"""What is remembered of our Graph subscriptions between runs: a blob beside the ledger's epochs."""

from datetime import datetime

import msgspec

from shared.graph.subscription_plan import Record
from shared.watch.parts import Watch


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Our subscriptions, when they were last looked after, and what that run could not do."""

    at: datetime
    records: tuple[Record, ...] = ()
    problems: tuple[str, ...] = ()


async def recall(watch: Watch) -> Kept | None:
    """What the last run left behind; None before the first."""
    stored = await watch.storage.ledger.read(_name(watch))
    return msgspec.json.decode(stored.data, type=Kept) if stored else None


async def remember(watch: Watch, kept: Kept) -> None:
    """Replace it; the caller holds the lock of the subscriptions."""
    await watch.storage.ledger.put(_name(watch), msgspec.json.encode(kept))


def _name(watch: Watch) -> str:
    return f"{watch.settings.tenant_id}/subscriptions"
