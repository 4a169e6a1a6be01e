"""The Azure Functions app: registers the blueprints; nothing else.

Settings are read here so that a wrong one stops the start with every fault listed (shared/settings/), and
log records are made to bear the ids by which a change can be followed (shared/following.py). The settings say
which way Graph's notifications come, and only that way is open.
"""

import gc

import azure.functions as func

# What the runtime and azure.functions have made by now lives as long as the process: the collector need not
# look through it while the app is imported (4 ms of CPU, a sixth of the import) and at every full pass after.
gc.freeze()

from functions import evaluation, reconciliation, reporting, subscriptions, telling  # noqa: E402 - see above
from shared import following, settings  # noqa: E402 - see above

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
