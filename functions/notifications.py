"""Where Graph calls: change notifications and lifecycle notifications, verified and put on queues.

Graph wants an answer within 3 seconds, so nothing heavy is imported or done here (design §4.1). The queue
messages are written by the host after this code returns; if that fails Graph gets a 5xx and calls again.
What was refused, and which subscriptions the rest came from, is counted (`shared.watch.hearing.calls`).
"""

import logging
import typing
from datetime import UTC, datetime

import azure.functions as func

from shared import following, settings
from shared.graph import notifications
from shared.watch.hearing import calls

bp = func.Blueprint()
log = logging.getLogger("watch.notifications")
tally = calls.Tally()

Messages = func.Out[typing.List[str]]  # noqa: UP006 - the runtime knows a list output by this spelling


@bp.function_name("graph_notifications")
@bp.route(route="graph/notifications", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@bp.queue_output(arg_name="changed", queue_name="changed-users", connection="WATCH_STORAGE")
@bp.queue_output(arg_name="sweeps", queue_name="sweeps", connection="WATCH_STORAGE")
def graph_notifications(req: func.HttpRequest, changed: Messages, sweeps: Messages) -> func.HttpResponse:
    """Changes of users and groups; see `shared.graph.notifications`."""
    following.begin("graph_notifications")
    return _take(req, changed, sweeps)


@bp.function_name("graph_lifecycle")
@bp.route(route="graph/lifecycle", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@bp.queue_output(arg_name="changed", queue_name="changed-users", connection="WATCH_STORAGE")
@bp.queue_output(arg_name="sweeps", queue_name="sweeps", connection="WATCH_STORAGE")
def graph_lifecycle(req: func.HttpRequest, changed: Messages, sweeps: Messages) -> func.HttpResponse:
    """What Graph says of the subscriptions themselves; same envelope, same checks."""
    following.begin("graph_lifecycle")
    return _take(req, changed, sweeps)


def _take(req: func.HttpRequest, changed: Messages, sweeps: Messages) -> func.HttpResponse:
    token = req.params.get("validationToken")
    if token is not None:
        answer = notifications.handshake(token)
        return func.HttpResponse(answer.body, status_code=answer.status, headers=dict(answer.headers))
    current = settings.current()
    now = datetime.now(UTC)
    try:
        call = notifications.parse_call(req.get_body(), current.tenant_id, current.client_states)
    except notifications.BadCall as fault:
        log.warning("call refused: %d", fault.status)
        tally.add({calls.REFUSED: 1}, {}, now)
        if told := tally.due(now):
            sweeps.set([told])
        return func.HttpResponse(fault.reason, status_code=fault.status, mimetype="text/plain")
    tally.add(call.counts, call.subscriptions, now)
    if messages := notifications.messages(call, now):
        changed.set(messages)
    told = tally.due(now)
    if events := [*notifications.lifecycle_messages(call, now), *([told] if told else [])]:
        sweeps.set(events)
    log.info("call taken: %s", " ".join(f"{name}={count}" for name, count in call.counts.items() if count))
    return func.HttpResponse(status_code=202)
