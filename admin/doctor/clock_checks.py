"""This machine's clock beside those that it must agree with: tokens and signatures live by it."""

from collections.abc import Sequence
from datetime import UTC, datetime

from admin.doctor.lights import Said
from admin.doctor.room import Room
from shared.graph.session import asking
from shared.storage.account import read_date

OFF, FAR = 30.0, 300.0
"""Seconds. Storage refuses a signature, and a receiver an event, that is 5 to 15 minutes away."""


async def clock_storage(room: Room) -> Sequence[Said]:
    """The header Date of storage's answer."""
    before = datetime.now(UTC)
    theirs = await room.storage.clock()
    return compared(before, theirs, datetime.now(UTC))


async def clock_graph(room: Room) -> Sequence[Said]:
    """The header Date of Graph's answer."""
    request = room.graph.client.organization.to_get_request_information(asking())
    before = datetime.now(UTC)
    answer = await room.graph.send(request, accept=frozenset({401, 403, 404}))
    return compared(before, read_date(answer.headers.get("date", "")), datetime.now(UTC))


def compared(before: datetime, theirs: datetime | None, after: datetime) -> Sequence[Said]:
    """How far their clock is from the time between asking and answer; dates have whole seconds."""
    if theirs is None:
        return [Said("unknown")]
    ahead = (before - theirs).total_seconds() - 1
    behind = (theirs - after).total_seconds()
    seconds = max(ahead, behind, 0.0)
    if seconds <= OFF:
        return [Said("ok")]
    return [Said("far" if seconds > FAR else "off", {"n": round(seconds)})]
