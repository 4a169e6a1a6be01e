"""Rows about the notification path: what importing the app costs, and what a call of Graph does.

Beside them what the import would cost where everything that the app ever needs is imported at the top.
"""

import json
import statistics
import sys
import time
import uuid
from collections.abc import Iterable

import azure.functions as func
import msgspec

from benchmarks.budgets import row
from benchmarks.process import answer_of
from benchmarks.rows import Row, ratio

TENANT, SECRET = str(uuid.UUID(int=1)), "the-secret-of-a-benchmark-0123456789"
SETTINGS = {
    "TENANT_ID": TENANT,
    "WATCH_STORAGE": "UseDevelopmentStorage=true",
    "NOTIFICATION_BASE_URL": "https://watch.example",
    "CLIENT_STATE": SECRET,
    "TEAMS_WORKFLOW_URL": "https://prod-00.westeurope.logic.azure.com/workflows/0",
    "TELLING_SCHEDULE": "0 * * * * *",
    "RECONCILE_SCHEDULE": "0 */5 * * * *",
    "SUBSCRIPTIONS_SCHEDULE": "0 0 * * * *",
}

_IMPORT = """
import sys, time
import azure.functions
known = set(sys.modules)
begun = time.process_time()
import function_app
print((time.process_time() - begun) * 1000)
print(*sorted(set(sys.modules) - known))
"""


_NAIVE = """
import time
import azure.functions
begun = time.process_time()
import jinja2
from azure.identity.aio import ManagedIdentityCredential
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient
from msgraph import GraphServiceClient
print((time.process_time() - begun) * 1000)
"""
"""An app's head as the packages' own documentation writes it; nothing of it is run."""

_FLOOR = """
import gc, time
import azure.functions
gc.freeze()
begun = time.process_time()
import msgspec
print((time.process_time() - begun) * 1000)
"""
"""What no app can go below that decodes with msgspec, the collector kept away as the app does it."""


async def imports(times: int = 9) -> list[Row]:
    """CPU to import the app beyond azure.functions and what that loads; in turns with the naive one."""
    answers, naive, floor = [], [], []
    loaded: set[str] = set()
    for _ in range(times):
        milliseconds, *modules = (await answer_of(["-c", _IMPORT], SETTINGS)).split()
        answers.append(float(milliseconds))
        loaded |= packages(modules)
        naive.append(float(await answer_of(["-c", _NAIVE])))
        floor.append(float(await answer_of(["-c", _FLOOR])))
    return [
        row(
            "import",
            statistics.median(answers),
            f"msgspec alone takes {statistics.median(floor):.1f} ms",
            times=times,
        ),
        # Another package on this path is too much, however fast it is.
        row("import-packages", len(loaded), ", ".join(sorted(loaded))),
        row("import-naive", statistics.median(naive), times=times),
    ]


_OURS = frozenset({"function_app", "functions", "shared"})
_WITH_MSGSPEC = frozenset({"typing_extensions"})
"""msgspec itself takes it where it is installed."""


def packages(modules: Iterable[str]) -> frozenset[str]:
    """The packages of these modules that come with neither Python, the app nor azure.functions; of the others
    of Azure, which share a first name with it, each by its second."""
    found = set()
    for module in modules:
        first, *rest = module.split(".")
        found.add(f"azure.{rest[0]}" if first == "azure" and rest else first)
    return frozenset(found - sys.stdlib_module_names - _OURS - _WITH_MSGSPEC - {"azure", "azure.functions"})


class _Out(func.Out[list[str]]):
    """An output binding that forgets."""

    def set(self, val: list[str]) -> None:
        """Take what the function sends."""

    def get(self) -> list[str]:
        """Nothing."""
        return []


def _change(number: int) -> dict[str, object]:
    user_id = str(uuid.UUID(int=number, version=4))
    return {
        "changeType": "updated",
        "clientState": SECRET,
        "resource": f"Users/{user_id}",
        "resourceData": {
            "@odata.type": "#Microsoft.Graph.User",
            "@odata.id": f"Users/{user_id}",
            "id": user_id,
            "organizationId": TENANT,
            "eventTime": "2026-10-01T08:00:00.1234567Z",
            "sequenceNumber": 638_000_000_000_000_000 + number,
        },
        "subscriptionExpirationDateTime": "2026-10-20T00:00:00+00:00",
        "subscriptionId": str(uuid.UUID(int=7, version=4)),
        "tenantId": TENANT,
    }


def call() -> Row:
    """CPU of the function that takes a call with 1,000 notifications, over json.loads of its body."""
    from functions import notifications

    body = json.dumps({"value": [_change(number) for number in range(1000)]}).encode()
    out = _Out()

    def ours() -> float:
        request = func.HttpRequest("POST", "https://watch.example/api/graph/notifications", body=body)
        begun = time.process_time()
        answer = notifications.graph_notifications(request, out, out)
        spent = time.process_time() - begun
        assert answer.status_code == 202, answer.status_code
        return spent

    def theirs() -> float:
        begun = time.process_time()
        json.loads(body)
        return time.process_time() - begun

    times = 31
    found, mine, json_loads = ratio(ours, theirs, times)
    return row("post", found, f"{mine * 1000:.1f} ms over {json_loads * 1000:.1f} ms", times=times)


async def call_apart() -> Row:
    """The same in a process of its own: the app reads its settings from the environment once."""
    code = (
        "import msgspec, sys; from benchmarks.start import call;"
        " sys.stdout.buffer.write(msgspec.json.encode(call()))"
    )
    return msgspec.json.decode(await answer_of(["-c", code], SETTINGS), type=Row)
