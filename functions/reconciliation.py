"""Timers and the queue `sweeps`: the tenant's facts, the registration report, the reading of all users.

Each timer only does what is due, so they share one schedule and none depends on another's success.
"""

import azure.functions as func

bp = func.Blueprint()
SCHEDULE = "%RECONCILE_SCHEDULE%"


@bp.function_name("tenant_facts")
@bp.timer_trigger(arg_name="timer", schedule=SCHEDULE)
async def tenant_facts(timer: func.TimerRequest) -> None:
    """SKUs, subscriptions, organization, licensing groups: at start and hourly."""
    from shared.watch import facts, parts

    await facts.refresh_if_due(await parts.ready())


@bp.function_name("registration")
@bp.timer_trigger(arg_name="timer", schedule=SCHEDULE)
async def registration(timer: func.TimerRequest) -> None:
    """The registration report and the scope groups: at start and hourly."""
    from shared.watch import parts, registration

    await registration.refresh_if_due(await parts.ready())


@bp.function_name("first_sweep")
@bp.timer_trigger(arg_name="timer", schedule=SCHEDULE)
async def first_sweep(timer: func.TimerRequest) -> None:
    """Starts the first reading of all users, and wakes it if it stalled."""
    from shared.watch import parts, sweep

    await sweep.start_if_due(await parts.ready())


@bp.function_name("drain_outboxes")
@bp.timer_trigger(arg_name="timer", schedule=SCHEDULE)
async def drain_outboxes(timer: func.TimerRequest) -> None:
    """Publishes what a worker committed and could not publish (design §4.3)."""
    from shared.watch import parts

    watch = await parts.ready()
    await watch.ledger.drain()


@bp.function_name("sweep")
@bp.queue_trigger(arg_name="message", queue_name="sweeps", connection="WATCH_STORAGE")
async def sweep_step(message: func.QueueMessage) -> None:
    """One step of the reading of all users, or Graph's word on our subscriptions."""
    from shared.watch import messages, parts, subscriptions, sweep

    step = messages.read_sweep(message.get_body())
    if step.sweep:
        await sweep.take_step(await parts.ready(), step)
    else:
        await subscriptions.answer(await parts.ready(), step.lifecycle)
