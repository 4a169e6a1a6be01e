"""Timer: tell people what the journal says and what the notifier thinks worth saying (design §4.5)."""

import azure.functions as func

bp = func.Blueprint()


@bp.function_name("tell")
@bp.timer_trigger(arg_name="timer", schedule="%TELLING_SCHEDULE%")
async def tell(timer: func.TimerRequest) -> None:
    """One notifier at a time; another instance's run returns at once."""
    from shared.watch import parts, telling

    await telling.tell(await parts.ready())
