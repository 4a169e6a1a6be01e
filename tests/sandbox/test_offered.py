"""`sandbox up` takes the language and the routes from the shell, and nothing else; what is wrong is said."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.commands import up, which
from sandbox.graph.tenant import generate
from sandbox.offered import offered
from sandbox.packaged import SITE_PACKAGES
from sandbox.stage import QUICK_RATES, STORY, Ports, Stage, free_port
from sandbox.teams import SIGNATURE
from tests.stories.test_demo import free_base

ROOT = Path(__file__).resolve().parents[2]
HELPDESK = {"name": "helpdesk", "type": "teams", "url": "HELPDESK_WORKFLOW_URL", "copy": True}
TICKETS = {"name": "tickets", "type": "webhook", "url": "TICKETS_URL", "secret": "TICKETS_SECRET"}


def test_the_language_the_delivery_and_the_routes_are_taken_with_what_the_routes_name() -> None:
    given = {
        "WATCH_LANGUAGE": "nl",
        "DELIVERY": "eventgrid",
        "ROUTES": json.dumps([HELPDESK, TICKETS]),
        "HELPDESK_WORKFLOW_URL": "http://127.0.0.1:1/helpdesk",
        "TICKETS_URL": "http://127.0.0.1:1/tickets",
        "TICKETS_SECRET": "whsec_x",
    }
    others = {"TENANT_ID": "x", "TEAMS_WORKFLOW_URL": "https://real.example", "TEAMS_NAMES": "hidden"}
    assert offered({**given, **others}) == given
    assert offered(others) == {}


def test_up_says_which_app_runs_and_how_to_run_another(tmp_path: Path) -> None:
    assert which(ROOT).startswith("this checkout (WATCH_APP ")
    assert which(tmp_path) == f"the app in {tmp_path}, by WATCH_APP"
    (tmp_path / SITE_PACKAGES).mkdir(parents=True)
    assert which(tmp_path) == f"the package in {tmp_path}, by WATCH_APP"
    assert "WATCH_APP" in (up.__doc__ or "")


@pytest.mark.parametrize("routes", ["", "{", "5", "{}", "[5]", '[{"url": 5, "secret": null}]'])
def test_what_is_no_list_of_routes_names_nothing(routes: str) -> None:
    assert offered({"ROUTES": routes, "TICKETS_URL": "x"}) == ({"ROUTES": routes} if routes else {})


@pytest.mark.real
async def test_dutch_cards_come_on_both_routes_and_none_elsewhere_than_in_the_sandbox() -> None:
    # A route over the sandbox's own address: a real one of the shell must not take its place.
    routes: list[dict[str, Any]] = [HELPDESK, {"name": "own", "type": "teams", "url": "TEAMS_WORKFLOW_URL"}]
    port = free_port()
    shell = {
        "WATCH_LANGUAGE": "nl",
        "ROUTES": json.dumps(routes),
        "HELPDESK_WORKFLOW_URL": f"http://127.0.0.1:{port}/workflows/helpdesk/invoke?sig={SIGNATURE}",
        "TEAMS_WORKFLOW_URL": "https://prod-12.westeurope.logic.azure.com/workflows/real",
    }
    world = generate(60, rates=QUICK_RATES)
    async with Stage(world, ports=Ports(teams=port), settings=STORY, offered=offered(shell)) as stage:
        assert stage.environment["TEAMS_WORKFLOW_URL"] == stage.teams.url
        await stage.teams.wait_for(3, 60)
        assert {one.channel for one in stage.teams.cards} == {"watch", "helpdesk"}
        assert all("bewaking" in json.dumps(one.card) for one in stage.teams.cards)


@pytest.mark.real
def test_settings_that_are_wrong_are_listed_and_nothing_is_left_running() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "sandbox", "up", "--users", "60", "--ports", str(free_base())],
        cwd=ROOT,
        env={**os.environ, "WATCH_LANGUAGE": "tlh", "ROUTES": json.dumps([TICKETS])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    first, *faults = ended.stderr.splitlines()
    assert first == "The watch cannot start. Settings to correct: 3."
    assert faults[0] == "  - WATCH_LANGUAGE: 'tlh' is not known. Use one of: en, nl"
    assert "TICKETS_URL is missing" in faults[1]
    assert "TICKETS_SECRET is missing" in faults[2]
