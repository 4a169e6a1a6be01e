"""Timers and the queue `sweeps`: whatever notifications do not tell (design §4.6).

Each timer only does what is due, so they share one schedule and none depends on another's success.
"""

import azure.functions as func

from shared import following

bp = func.Blueprint()
SCHEDULE = "%RECONCILE_SCHEDULE%"


@bp.function_name("tenant_facts")
@bp.timer_trigger(arg_name="timer", schedule=SCHEDULE)
async def tenant_facts(timer: func.TimerRequest) -> None:
    """SKUs, subscriptions, organization, licensing groups with their nested ones: at start and hourly."""
    from shared.watch import parts, upkeep

    following.begin("tenant_facts")
    await upkeep.keep_up(await parts.ready())


@bp.function_name("registration")
@bp.timer_trigger(arg_name="timer", schedule=SCHEDULE)
async def registration(timer: func.TimerRequest) -> None:
    """The registration report and the scope groups: at start and daily; each reading goes on in steps."""
    from shared.watch import parts
    from shared.watch.reach import registration

    following.begin("registration")
    await registration.refresh_if_due(await parts.ready())


@bp.function_name("named_groups")
@bp.timer_trigger(arg_name="timer", schedule=SCHEDULE)
async def named_groups(timer: func.TimerRequest) -> None:
    """The members of groups that exceptions and routes name: new and changed ones soon, all daily."""
    from shared.watch import parts
    from shared.watch.reach import named_groups

    following.begin("named_groups")
    await named_groups.refresh_if_due(await parts.ready())


@bp.function_name("start_sweep")
@bp.timer_trigger(arg_name="timer", schedule=SCHEDULE)
async def start_sweep(timer: func.TimerRequest) -> None:
    """Starts the readings of all users that are due, the first of all, and wakes one that stalled."""
    from shared.watch import parts
    from shared.watch.users import sweep

    following.begin("start_sweep")
    await sweep.start_if_due(await parts.ready())


@bp.function_name("delta")
@bp.timer_trigger(arg_name="timer", schedule=SCHEDULE)
async def delta(timer: func.TimerRequest) -> None:
    """Users who changed since the last round; before that, messages that failed too often are taken up."""
    from shared.watch import parts
    from shared.watch.users import delta

    following.begin("delta")
    await delta.run_if_due(await parts.ready())


@bp.function_name("licence_errors")
@bp.timer_trigger(arg_name="timer", schedule=SCHEDULE)
async def licence_errors(timer: func.TimerRequest) -> None:
    """Users on whom a group's licence fails or failed: no notification and no delta tells of them."""
    from shared.watch import parts
    from shared.watch.licensing import errors

    following.begin("licence_errors")
    await errors.look_if_due(await parts.ready())


@bp.function_name("groups_delta")
@bp.timer_trigger(arg_name="timer", schedule=SCHEDULE)
async def groups_delta(timer: func.TimerRequest) -> None:
    """Groups that changed since the last round, where Graph grants no notifications of groups."""
    from shared.watch import parts
    from shared.watch.licensing import group_delta

    following.begin("groups_delta")
    await group_delta.look(await parts.ready())


@bp.function_name("drain_outboxes")
@bp.timer_trigger(arg_name="timer", schedule=SCHEDULE)
async def drain_outboxes(timer: func.TimerRequest) -> None:
    """Publishes what a worker committed and could not publish (design §4.3)."""
    from shared.watch import parts

    following.begin("drain_outboxes")
    watch = await parts.ready()
    await watch.ledger.drain()


@bp.function_name("keep_house")
@bp.timer_trigger(arg_name="timer", schedule=SCHEDULE)
async def keep_house(timer: func.TimerRequest) -> None:
    """The day's point of the trend, and once a day the end of what is old: snapshots, the trail."""
    from shared.watch import housekeeping, parts

    following.begin("keep_house")
    await housekeeping.keep_house(await parts.ready())


@bp.function_name("sweep")
@bp.queue_trigger(arg_name="message", queue_name="sweeps", connection="WATCH_STORAGE")
async def sweep_step(message: func.QueueMessage) -> None:
    """One step of the reading of all users or of the registration report, or Graph's word or a person's on
    our subscriptions."""
    from shared.watch import messages, parts
    from shared.watch.hearing import calls, subscriptions
    from shared.watch.reach import registration
    from shared.watch.users import sweep

    step = messages.read_step(message.get_body())
    following.begin("sweep", step.call)
    if step.reading == messages.SWEEP:
        await sweep.take_step(await parts.ready(), step)
    elif step.reading == messages.REGISTRATION:
        await registration.take_step(await parts.ready(), step)
    elif step.calls:
        await calls.take(await parts.ready(), step.calls)
    elif step.subscriptions and step.at:
        await subscriptions.obey(await parts.ready(), step.subscriptions, step.at)
    else:
        heard = messages.put_on_at(step, message.insertion_time)
        await subscriptions.answer(await parts.ready(), heard.lifecycle, heard.at)
