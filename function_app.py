"""The Azure Functions app: registers the blueprints; nothing else.

Settings are read here so that a wrong one stops the start with every fault listed (shared/settings.py), and
log records are made to bear the ids by which a change can be followed (shared/following.py).
"""

import azure.functions as func

from functions import evaluation, notifications, reconciliation, reporting, subscriptions, telling
from shared import following, settings

settings.current()
following.mark_records()
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
for room in (notifications, evaluation, reconciliation, subscriptions, telling, reporting):
    app.register_functions(room.bp)
