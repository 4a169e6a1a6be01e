"""Timer: the Graph subscriptions are there, ours, and long enough alive (design §4.7)."""

import azure.functions as func

from shared import following

bp = func.Blueprint()


@bp.function_name("subscriptions")
@bp.timer_trigger(arg_name="timer", schedule="%SUBSCRIPTIONS_SCHEDULE%")
async def keep_subscriptions(timer: func.TimerRequest) -> None:
    """Create what is missing, renew what is past half its life."""
    from shared.watch import parts
    from shared.watch.hearing import subscriptions

    following.begin("subscriptions")
    await subscriptions.keep(await parts.ready())
