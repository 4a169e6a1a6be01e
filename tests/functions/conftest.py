"""The real app, indexed by Microsoft's own runtime, with settings that pass."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.stage import TOPIC_URL

ROOT = Path(__file__).resolve().parents[2]
TENANT = "3f0a7b5e-6f0e-4f1c-9a50-0d0f6f3c1a11"
SECRET = "current-secret-" + "c" * 33
PREVIOUS = "previous-secret-" + "p" * 32
SETTINGS = {
    "TENANT_ID": TENANT,
    "WATCH_STORAGE": "UseDevelopmentStorage=true",
    "NOTIFICATION_BASE_URL": "https://watch.example.net",
    "CLIENT_STATE": SECRET,
    "CLIENT_STATE_PREVIOUS": PREVIOUS,
    "TEAMS_WORKFLOW_URL": "https://prod-12.westeurope.logic.azure.com/workflows/x",
    "TELLING_SCHEDULE": "0 * * * * *",
    "RECONCILE_SCHEDULE": "0 */5 * * * *",
    "SUBSCRIPTIONS_SCHEDULE": "30 */15 * * * *",
}


class Runtime:
    """Calls the app's HTTP functions, in a process that holds nothing but the app and the runtime."""

    def __init__(self, **settings: str) -> None:
        environ = {**SETTINGS, **settings, "PATH": os.environ["PATH"]}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("runtime_process.py")), str(ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environ,
            cwd=ROOT,
            text=True,
        )

    def ask(self, **question: Any) -> Any:
        """One question, one answer: `http`, `event`, `listing` or `modules`."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the runtime's process ended"
        return json.loads(line)

    def post(self, name: str, body: bytes, query: str = "") -> dict[str, Any]:
        """POST to a function; gives status, headers, text, outputs."""
        url = f"https://watch.example.net/api/{name}{query}"
        answer: dict[str, Any] = self.ask(http=name, url=url, body=body.hex())
        return answer

    def event(self, event: dict[str, Any]) -> dict[str, Any]:
        """Hand over an event of Event Grid; gives whether it was taken, and outputs."""
        answer: dict[str, Any] = self.ask(event=event)
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


@pytest.fixture(scope="session")
def event_runtime() -> Iterator[Runtime]:
    """The app as it is with Event Grid."""
    running = Runtime(DELIVERY="eventgrid", EVENTGRID_URL=TOPIC_URL)
    yield running
    running.close()


@pytest.fixture(scope="session")
def runtime() -> Iterator[Runtime]:
    """One for the session: indexing takes a moment."""
    running = Runtime()
    yield running
    running.close()
