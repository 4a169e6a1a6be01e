"""What to read where notifications may have been lost: only what they would have told (design §4.7)."""

import logging
from collections.abc import Collection

from shared.watch.asking import ask
from shared.watch.licensing.groups import that_matter
from shared.watch.messages import AGAIN, LAST_LOOK
from shared.watch.parts import Watch
from shared.watch.users import delta, sweep

log = logging.getLogger("watch.catching-up")


async def order(watch: Watch, resources: Collection[str]) -> None:
    """Have changes of `users` or `groups` (or both) looked for, as soon as the jobs that do it come round.

    Users by the delta query, whose chain of links covers whatever happened meanwhile; everybody is read again
    only where that chain is lost. Groups by looking at each that matters. However often it is ordered, it is
    done once. Nothing before the first reading of all users has begun: it reads everything anyway.
    """
    record = (await watch.ledger.read_tenant()).record
    if record.sweep is None:
        return
    if "users" in resources and not await delta.run_soon(watch):
        log.warning("notifications of users may have been lost, and the delta query can't tell: all are read")
        await sweep.start_again(watch, "notifications")
    if "groups" in resources and record.facts:
        await ask(watch, watch.now(), groups=sorted(await that_matter(watch)), look=LAST_LOOK, why=AGAIN)
