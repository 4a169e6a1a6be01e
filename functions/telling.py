"""Timer: tell people what the journal says and what the notifier thinks worth saying (design §4.5)."""

import azure.functions as func

from shared import following

bp = func.Blueprint()


@bp.function_name("tell")
@bp.timer_trigger(arg_name="timer", schedule="%TELLING_SCHEDULE%")
async def tell(timer: func.TimerRequest) -> None:
    """One notifier at a time; another instance's run returns at once. Before it tells, the watch looks after
    itself: whatever comes of that, what there is to tell is told."""
    from shared.watch import parts, telling
    from shared.watch.wellbeing import self_watch

    following.begin("tell")
    watch = await parts.ready()
    await self_watch.look_if_due(watch)
    await telling.tell(watch)
