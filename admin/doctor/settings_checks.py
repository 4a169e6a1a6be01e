"""Settings: every fault at once, and what is right but unwise."""

from collections.abc import Sequence
from datetime import timedelta

from admin.doctor.lights import Said
from admin.doctor.room import Room
from admin.doctor.schedules import longest_wait

_DAY = timedelta(days=1)
_OF_AN_APP = ("NOTIFICATION_BASE_URL", "CLIENT_STATE", "TEAMS_WORKFLOW_URL")
"""No app does without; nobody needs them to open its storage."""


async def settings(room: Room) -> Sequence[Said]:
    """All faults, each with its own remedy in its sentence; what is set and can't be seen.

    Whoever set only where the storage is, as the other commands want it, is not told to make a secret.
    """
    if not room.right and room.access is not None and not any(room.values.get(one) for one in _OF_AN_APP):
        return [Said("storage-only")]
    if room.faults:
        return [Said("fault", {"said": one}) for one in room.faults]
    unseen = [Said("unseen", {"names": ", ".join(sorted(room.unseen))})] if room.unseen else []
    return [Said("ok"), *unseen]


async def schedules(room: Room) -> Sequence[Said]:
    """Timers that come more seldom than what they are for asks."""
    most = {
        "TELLING_SCHEDULE": timedelta(minutes=5),
        # Whatever is due is looked at by this timer, so none comes oftener than it.
        "RECONCILE_SCHEDULE": room.settings.delta_every,
        "SUBSCRIPTIONS_SCHEDULE": _DAY,
    }
    said = []
    for name, limit in most.items():
        wait = longest_wait(room.values.get(name, "").strip())
        if wait is None:
            said.append(Said("unreadable", {"setting": name}))
        elif wait > max(limit, timedelta(seconds=1)):
            minutes = {"n": _minutes(wait), "most": _minutes(limit)}
            said.append(Said("seldom", {"setting": name, **minutes}))
    return said or [Said("ok")]


async def writeback(room: Room) -> Sequence[Said]:
    """Graph can't tell an app whether passwords are written back, so somebody has to."""
    value = room.settings.policy.writeback
    return [Said("unknown")] if value == "unknown" else [Said("ok", {"value": value})]


def _minutes(length: timedelta) -> int:
    return max(1, round(length.total_seconds() / 60))
