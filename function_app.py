"""The Azure Functions app: registers the blueprints; nothing else.

Settings are read here so that a wrong one stops the start with every fault listed (shared/settings.py), and
log records are made to bear the ids by which a change can be followed (shared/following.py). The settings say
which way Graph's notifications come, and only that way is open.
"""

import azure.functions as func

from functions import evaluation, reconciliation, reporting, subscriptions, telling
from shared import following, settings

following.mark_records()
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
if settings.current().delivery.is_event_grid:
    from functions import events

    app.register_functions(events.bp)
else:
    from functions import notifications

    app.register_functions(notifications.bp)
for room in (evaluation, reconciliation, subscriptions, telling, reporting):
    app.register_functions(room.bp)
