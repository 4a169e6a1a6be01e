"""Queue `changed-users`: look again at users and groups (design §4.2)."""

from functools import partial

import azure.functions as func

from shared import following
from shared.watch.users.joining import Joiner

bp = func.Blueprint()
joiner = Joiner()


@bp.function_name("evaluate")
@bp.queue_trigger(arg_name="message", queue_name="changed-users", connection="WATCH_STORAGE")
async def evaluate(message: func.QueueMessage) -> None:
    """Users are read, judged and committed, in one go where messages come together; groups likewise."""
    from shared.watch import messages, parts
    from shared.watch.licensing import groups

    changed = messages.put_on_at(messages.read_changed(message.get_body()), message.insertion_time)
    following.begin("evaluate", changed.call)
    watch = await parts.ready()
    if changed.users:
        await joiner.take(watch, changed, message.dequeue_count or 1)
    else:
        await joiner.by_itself(partial(groups.evaluate_groups, watch, changed))
