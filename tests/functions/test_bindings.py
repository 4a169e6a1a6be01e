"""What Microsoft's own runtime makes of the app: every function, with the bindings that the design names."""

import os
import subprocess
import sys
from typing import Any

import pytest

from sandbox.stage import TOPIC_URL
from tests.functions.conftest import ROOT, SETTINGS, Runtime

CHANGED = ("queue", "changed-users", "WATCH_STORAGE")
SWEEPS = ("queue", "sweeps", "WATCH_STORAGE")
EXPECTED = {
    "graph_notifications": ("httpTrigger", "graph/notifications", [CHANGED, SWEEPS]),
    "graph_lifecycle": ("httpTrigger", "graph/lifecycle", [CHANGED, SWEEPS]),
    "health": ("httpTrigger", "health", []),
    "report": ("httpTrigger", "report", []),
    "report_csv": ("httpTrigger", "report.csv", []),
    "report_json": ("httpTrigger", "report.json", []),
    "report_rows": ("httpTrigger", "report/rows", []),
    "report_user": ("httpTrigger", "report/user", []),
    "evaluate": ("queueTrigger", "changed-users", []),
    "sweep": ("queueTrigger", "sweeps", []),
    "tenant_facts": ("timerTrigger", "%RECONCILE_SCHEDULE%", []),
    "registration": ("timerTrigger", "%RECONCILE_SCHEDULE%", []),
    "named_groups": ("timerTrigger", "%RECONCILE_SCHEDULE%", []),
    "start_sweep": ("timerTrigger", "%RECONCILE_SCHEDULE%", []),
    "delta": ("timerTrigger", "%RECONCILE_SCHEDULE%", []),
    "licence_errors": ("timerTrigger", "%RECONCILE_SCHEDULE%", []),
    "groups_delta": ("timerTrigger", "%RECONCILE_SCHEDULE%", []),
    "drain_outboxes": ("timerTrigger", "%RECONCILE_SCHEDULE%", []),
    "keep_house": ("timerTrigger", "%RECONCILE_SCHEDULE%", []),
    "subscriptions": ("timerTrigger", "%SUBSCRIPTIONS_SCHEDULE%", []),
    "tell": ("timerTrigger", "%TELLING_SCHEDULE%", []),
}
HEAVY = (
    "msgraph",
    "msgraph_core",
    "kiota_",
    "azure.identity",
    "azure.storage",
    "azure.core",
    "httpx",
    "jinja2",
)

BY_CALL = {"graph_notifications", "graph_lifecycle"}
BY_EVENT = {
    "graph_events": ("eventGridTrigger", None, [("queue", "heard", "WATCH_STORAGE"), SWEEPS]),
    "collect": ("queueTrigger", "heard", []),
}


def listed(runtime: Runtime) -> dict[str, Any]:
    found = {}
    for name, function in runtime.ask(listing=True).items():
        trigger = function["trigger"]
        where = trigger.get("route") or trigger.get("queueName") or trigger.get("schedule")
        outputs = [(one["type"], one["queueName"], one["connection"]) for one in function["outputs"]]
        found[name] = (trigger["type"], where, sorted(outputs))
    return found


def test_the_runtime_lists_every_function_with_the_expected_bindings(runtime: Runtime) -> None:
    assert listed(runtime) == EXPECTED


def test_with_event_grid_no_anonymous_address_is_open_for_graph(event_runtime: Runtime) -> None:
    others = {name: one for name, one in EXPECTED.items() if name not in BY_CALL}
    assert listed(event_runtime) == others | BY_EVENT


def test_graph_is_answered_without_a_key_and_only_by_post(runtime: Runtime) -> None:
    listed = runtime.ask(listing=True)
    for name in ("graph_notifications", "graph_lifecycle"):
        assert listed[name]["trigger"]["authLevel"] == "ANONYMOUS"
        assert listed[name]["trigger"]["methods"] == ["POST"]
    for name in ("health", "report", "report_csv", "report_json", "report_rows", "report_user"):
        assert listed[name]["trigger"]["methods"] == ["GET"]


def test_queue_triggers_use_the_watchs_own_storage(runtime: Runtime) -> None:
    for name, function in runtime.ask(listing=True).items():
        if function["trigger"]["type"] == "queueTrigger":
            assert function["trigger"]["connection"] == "WATCH_STORAGE", name


@pytest.mark.parametrize("delivery", ["webhook", "eventgrid"])
def test_importing_the_app_loads_no_heavy_module(delivery: str) -> None:
    code = "import sys, function_app; print('\\n'.join(sys.modules))"
    environ = {**SETTINGS, "DELIVERY": delivery, "EVENTGRID_URL": TOPIC_URL, "PATH": os.environ["PATH"]}
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    ).stdout.split()
    assert "shared.settings" in loaded
    assert [name for name in loaded if name.startswith((*HEAVY, "aiohttp"))] == []


def test_wrong_settings_stop_the_app_with_every_fault_listed() -> None:
    environ = {"PATH": os.environ["PATH"], "TENANT_ID": "contoso", "CLIENT_STATE": "short-secret-value"}
    ended = subprocess.run(
        [sys.executable, "-m", "sandbox.host", "--list"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    for name in ("TENANT_ID", "WATCH_STORAGE", "CLIENT_STATE", "TEAMS_WORKFLOW_URL", "TELLING_SCHEDULE"):
        assert f"{name}:" in ended.stderr
    assert "short-secret-value" not in ended.stderr + ended.stdout
