"""The Graph subscriptions: recorded, known to Graph, ours by secret and address, and not about to end."""

from collections.abc import Sequence

from admin.doctor.lights import Said
from admin.doctor.room import Room
from shared.graph.errors import Forbidden
from shared.graph.subscription_plan import PERMISSIONS, Record, same_address
from shared.graph.subscriptions import get_subscription
from shared.watch.hearing.subscriptions import NEAR_ITS_END, RESOURCES, secrets_of, wanted
from shared.watch.subscription_memory import Kept
from shared.watch.wellbeing.overdue import stamp


async def subscriptions(room: Room) -> Sequence[Said]:
    """One line for each resource that the watch listens to."""
    kept = (await room.seen()).kept
    return [await _one(room, name, kept) for name in RESOURCES]


async def _one(room: Room, name: str, kept: Kept | None) -> Said:
    if kept and kept.left:
        return Said("left", {"name": name, "at": stamp(kept.left)})
    records = [one for one in kept.records if one.resource == name] if kept else []
    if kept and kept.forgoes(name):
        return Said("forgone", {"name": name, "permission": kept.refused[name].permission})
    if not records:
        return Said("none", {"name": name})
    record = max(records, key=lambda one: one.expires_at)
    values = {"name": name, "at": stamp(record.expires_at)}
    if record.expires_at <= room.now:
        return Said("expired", values)
    if said := await _asked(room, record):
        return Said(said, values | {"permission": PERMISSIONS[name]})
    if {"CLIENT_STATE", "CLIENT_STATE_PREVIOUS"} & room.unseen:
        near = record.expires_at <= room.now + NEAR_ITS_END
        return Said("ends-soon" if near else "secret-unseen", values)
    secret = secrets_of(room.settings).get(record.fingerprint)
    if secret is None:
        return Said("changed", values)
    if secret == "previous":  # noqa: S105 - the name of a generation, and none itself
        return Said("previous", values)
    if record.expires_at <= room.now + NEAR_ITS_END:
        return Said("ends-soon", values)
    return Said("ok" if _can_ask(room) else "recorded", values)


def _can_ask(room: Room) -> bool:
    """Graph shows an app's subscriptions to that app alone."""
    return room.session is not None and not room.asked.as_me


async def _asked(room: Room, record: Record) -> str:
    """What Graph says against it; nothing where it can't be asked."""
    if not _can_ask(room):
        return ""
    try:
        found = await get_subscription(room.graph, record.id)
    except Forbidden:
        return "forbidden"
    if found is None:
        return "gone"
    urls = [one.notification_url for one in wanted(room.settings) if one.resource == record.resource]
    at = found.notification_url
    return "" if at is None or any(same_address(at, url) for url in urls) else "elsewhere"
