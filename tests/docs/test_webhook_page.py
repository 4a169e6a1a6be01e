"""What docs/webhook.md and the routes of docs/telling.md say: the receiver runs, the examples are true."""

import base64
import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shared.model import Moment, Step
from shared.notify import messages
from shared.notify.delivering.posting import Delivered, Failed
from shared.notify.delivering.webhook import WebhookRoute
from shared.notify.messages import Item, Message
from shared.notify.saying.events import TEST, TYPES, trial
from shared.settings.routes import signing_keys
from tests.notify.card_samples import EMS_E3, entry
from tests.notify.event_samples import FORMS, SCHEMA, faults, made
from tests.settings.good_settings import GOOD
from tests.settings.test_settings_routes import ELSEWHERE, loaded

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "webhook.md").read_text()
TELLING = (ROOT / "docs" / "telling.md").read_text()
OLD = "whsec_" + base64.b64encode(b"old secret of 32 bytes..........").decode()
NEW = "whsec_" + base64.b64encode(b"new secret of 32 bytes..........").decode()


class Receiver:
    """The example, running as a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]", url: str) -> None:
        self.url = url
        self._process = process

    async def takes(
        self,
        event: dict[str, Any],
        secret: str = OLD,
        event_id: str = "an-id",
        late: timedelta = timedelta(0),
    ) -> Delivered | Failed:
        route = WebhookRoute(self.url, secret)
        try:
            return await route.post(event_id, event, datetime.now(UTC) - late)
        finally:
            await route.close()

    def stopped(self) -> list[str]:
        """What it printed of the events that it took."""
        self._process.terminate()
        return self._process.communicate(timeout=10)[0].splitlines()


@contextlib.contextmanager
def receiver(secret: str) -> Iterator[Receiver]:
    [command] = re.findall(r"`WEBHOOK_SECRET=\S+ python (\S+) 8080`", PAGE)
    environ = {"WEBHOOK_SECRET": secret, "PATH": os.environ["PATH"]}
    # -I and -S: the standard library alone.
    arguments = [sys.executable, "-I", "-S", command, "0"]
    with subprocess.Popen(
        arguments, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield Receiver(process, process.stdout.readline().strip().removeprefix("receiving at "))
        finally:
            process.kill()


async def test_the_example_takes_ours_and_drops_repeats() -> None:
    with receiver(OLD) as running:
        assert await running.takes(made(FORMS["opened"])) == Delivered()
        assert await running.takes(made(FORMS["opened"])) == Delivered()
        assert await running.takes(made(FORMS["held"]), event_id="another") == Delivered()
        first, second = running.stopped()
    assert "finding.opened | Ada Example (ada@contoso.example)" in first
    assert "mass_change.held" in second


@pytest.mark.parametrize("late", [timedelta(minutes=6), timedelta(minutes=-6)])
async def test_the_example_refuses_a_call_of_another_time(late: timedelta) -> None:
    with receiver(OLD) as running:
        assert await running.takes(made(FORMS["opened"]), late=late) == Failed(status="http-401")
        assert await running.takes(made(FORMS["opened"]), late=late / 2) == Delivered()
        assert len(running.stopped()) == 1


async def test_the_example_refuses_another_secret() -> None:
    with receiver(OLD) as running:
        assert await running.takes(made(FORMS["opened"]), NEW) == Failed(status="http-401")
        assert running.stopped() == []


async def test_the_example_accepts_during_every_step_of_a_change_of_the_secret() -> None:
    event = made(FORMS["opened"])
    with receiver(OLD) as before, receiver(NEW) as after:
        assert await before.takes(event, OLD) == Delivered()
        assert await before.takes(event, f"{NEW} {OLD}") == Delivered()
        assert await after.takes(event, f"{NEW} {OLD}") == Delivered()
        assert await after.takes(event, NEW) == Delivered()
    with receiver(f"{OLD} {NEW}") as both:
        assert await both.takes(event, NEW) == Delivered()


async def test_the_example_refuses_a_body_that_was_changed_and_a_call_without_headers() -> None:
    import aiohttp

    from shared.notify.delivering.webhook import signed

    body = msgspec.json.encode(made(FORMS["opened"]))
    headers = signed("an-id", datetime.now(UTC), body, signing_keys(OLD))
    tampered = body.replace(b"uncovered", b"covered")
    cases = [(tampered, headers), (body, {}), (body, headers | {"webhook-id": "other"})]
    cases += [(body, headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)})]
    with receiver(OLD) as running:
        async with aiohttp.ClientSession() as session:
            for sent, with_headers in [*cases, (body, headers)]:
                async with session.post(running.url, data=sent, headers=with_headers) as answer:
                    assert answer.status == (204 if (sent, with_headers) == (body, headers) else 401)
            async with session.post(running.url, data=b"x" * 600_000, headers=headers) as answer:
                assert answer.status == 413
        assert len(running.stopped()) == 1


async def test_an_event_that_the_example_could_not_work_on_is_asked_for_again() -> None:
    with receiver(OLD) as running:
        assert await running.takes({"type": "finding.opened"}) == Failed(status="http-500", certain=False)
        assert await running.takes(made(FORMS["opened"])) == Delivered()
        assert len(running.stopped()) == 1


def test_the_command_that_makes_a_secret_makes_a_usable_one() -> None:
    [code] = re.findall(r"`python -c '([^']+)'`", PAGE)
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert len(signing_keys(done.stdout.strip())[0]) == 32


def example() -> dict[str, Any]:
    one = entry(
        id="5f0c1e8a7b2d4c93",
        facts={"needs": "p1"},
        evidence={"registrationAt": "2026-03-02T03:00:00Z"},
        remedy=(Step(step="assign-free-seat", values={"sku": EMS_E3, "free": 3, "groups": []}),),
        skus=(),
        groups=(),
    )
    return made(Message(form=messages.SINGLE, items=(Item(moment=Moment.OPENED, entry=one),)))


def test_the_event_that_is_shown_is_one_that_is_sent() -> None:
    [shown] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert faults(json.loads(shown)) == []
    assert json.loads(shown) == example(), json.dumps(example(), indent=2)


def test_the_page_names_every_type_with_what_stands_beside_its_findings() -> None:
    rows = re.findall(r"^\| (`[a-z_]+\..*?) \| .* \| (?:`(\w+)`|\u2013) \|$", PAGE, re.MULTILINE)
    told = {name: about for names, about in rows for name in re.findall(r"`([\w.]+)`", names)}
    sent = [made(message) for message in FORMS.values()]
    sent.append(trial("tickets", tenant_id=GOOD["TENANT_ID"], language="en", at=datetime.now(UTC)))
    assert faults(sent[-1]) == []
    assert told == {event["type"]: event["data"].get("about", {}).get("type", "") for event in sent}
    assert TEST in told
    assert set(told) >= set(TYPES.values())
    assert set(told) == set(SCHEMA["properties"]["type"]["enum"])


def test_the_routes_that_are_shown_are_read() -> None:
    [shown] = re.findall(r"## Routes\n.*?```json\n(.*?)```", TELLING, re.DOTALL)
    teams, helpdesk, tickets = loaded(*json.loads(shown)).routes
    assert teams.url == GOOD["TEAMS_WORKFLOW_URL"]
    assert helpdesk.url == ELSEWHERE["HELPDESK_WORKFLOW_URL"]
    assert helpdesk.rule.kinds == ("coverage", "assignment-error")
    assert tickets.rule.copy
    assert tickets.secret == ELSEWHERE["TICKETS_SECRET"]


def test_every_field_of_a_route_is_explained() -> None:
    section = TELLING.partition("## Routes")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    explained = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert explained == {"name", "type", "url", "secret", "kinds", "severities", "groups", "copy"}
