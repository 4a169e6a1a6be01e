"""Asking for a look: whatever finds that users or groups should be looked at says so here."""

from collections.abc import Sequence
from datetime import datetime

from shared.watch.messages import HEARD, write_changed
from shared.watch.parts import Watch


async def ask(
    watch: Watch,
    at: datetime,
    *,
    users: Sequence[str] = (),
    groups: Sequence[str] = (),
    look: int = 1,
    why: str = HEARD,
    since: datetime | None = None,
    delay: float = 0.0,
) -> None:
    """Put messages on `changed-users`, seen after `delay` seconds; the rest is as in `Changed`.

    Raises what storage raises; some of the messages may be on the queue then.
    """
    for text in write_changed(at, users=users, groups=groups, look=look, why=why, since=since):
        await watch.storage.changed_users.send(text, delay=delay)
