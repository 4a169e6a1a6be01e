"""Where Event Grid brings what Graph tells, one event a call; registered instead of `notifications` where
`DELIVERY` is `eventgrid`.

The host answers Event Grid: 202 once the queue messages are written, else 500, and Event Grid comes again. An
event that is not ours is taken all the same, or it would come for a day. Nothing heavy is imported on this
way.
"""

import logging
import typing
from datetime import UTC, datetime

import azure.functions as func

from shared import following, settings
from shared.graph import events, notifications
from shared.watch.hearing import calls
from shared.watch.hearing.collecting import Collector

bp = func.Blueprint()
log = logging.getLogger("watch.events")
tally = calls.Tally()
collector = Collector()

Messages = func.Out[typing.List[str]]  # noqa: UP006 - the runtime knows a list output by this spelling


@bp.function_name("graph_events")
@bp.event_grid_trigger(arg_name="event")
@bp.queue_output(arg_name="heard", queue_name="heard", connection="WATCH_STORAGE")
@bp.queue_output(arg_name="sweeps", queue_name="sweeps", connection="WATCH_STORAGE")
def graph_events(event: func.CloudEvent, heard: Messages, sweeps: Messages) -> None:
    """A change of a user or group, or what Graph says of a subscription; see `shared.graph.events`."""
    following.begin("graph_events")
    current = settings.current()
    now = datetime.now(UTC)
    # Of an event in Event Grid's own schema, which no partner topic has, there is no `type`.
    kind = getattr(event, "type", "")
    call = events.parse_event(kind, event.get_json(), current.tenant_id, current.client_states)
    tally.add(call.counts, call.subscriptions, now)
    if messages := notifications.messages(call, now):
        heard.set(messages)
    told = tally.due(now)
    if asked := [*notifications.lifecycle_messages(call, now), *([told] if told else [])]:
        sweeps.set(asked)
    log.info("event taken: %s", " ".join(f"{name}={count}" for name, count in call.counts.items() if count))


@bp.function_name("collect")
@bp.queue_trigger(arg_name="message", queue_name="heard", connection="WATCH_STORAGE")
async def collect(message: func.QueueMessage) -> None:
    """Events that came together are looked at together; see `shared.watch.hearing.collecting`."""
    from shared.watch import messages, parts

    heard = messages.read_changed(message.get_body())
    following.begin("collect", heard.call)
    await collector.take(await parts.ready(), heard, message.insertion_time)
