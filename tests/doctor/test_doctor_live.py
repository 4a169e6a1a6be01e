"""The whole, settings, notifications and telling made green, amber and red by what really is so."""

from pathlib import Path

import pytest
from aiohttp import web

from admin.doctor.lights import Light
from sandbox import az
from sandbox.graph import service_operations as service
from sandbox.teams import TeamsSink
from sandbox.webhook import WebhookSink
from tests.admin.shell import ROOT
from tests.doctor.answering import Answer, answering
from tests.doctor.patients import ask, ask_of, cards_of
from tests.settings.good_settings import GOOD
from tests.watch.scene import Scene

pytestmark = pytest.mark.real


async def test_a_watch_after_its_first_reading_has_nothing_red(begun: Scene) -> None:
    found = await ask_of(begun)
    assert found.of(Light.RED) == []
    assert found.of(Light.SKIPPED) == ["cards: not-asked", "gap: none"]
    # A scene hears notifications and has neither health nor report; the timer that tells people does not run.
    assert found.of(Light.AMBER) == ["forged: unclear", "forged: unclear", "handovers: never"]


REFERENCE = "@Microsoft.KeyVault(SecretUri=https://v/secrets/{})"


async def test_with_references_in_the_place_of_secrets_all_else_is_checked_and_nothing_is_red(
    begun: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    az.install(tmp_path, ROOT)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("TENANT_ID", begun._settings["TENANT_ID"])
    names = ("CLIENT_STATE", "CLIENT_STATE_PREVIOUS", "TEAMS_WORKFLOW_URL", "TICKETS_URL", "TICKETS_SECRET")
    secrets = {name: REFERENCE.format(name.lower()) for name in names}
    routes = '[{"name": "tickets", "type": "webhook", "url": "TICKETS_URL", "secret": "TICKETS_SECRET"}]'
    settings = {**begun._settings, **secrets, "ROUTES": routes}
    found = await ask(settings, scene=begun, as_me=True, cards=("teams", "tickets"))
    assert found.of(Light.RED) == []
    assert found.of(Light.SKIPPED) == [
        "settings: unseen",
        "subscriptions: secret-unseen",
        "subscriptions: secret-unseen",
        "cards: unseen",
        "cards: unseen",
        "gap: none",
        "previous-secret: unseen",
    ]
    assert found.codes("permissions") == ["ok"]
    begun.world.roles -= {"Organization.Read.All"}
    found = await ask(settings, "permissions", scene=begun, as_me=True)
    assert found.codes("permissions") == ["organization"]


# --- settings ---------------------------------------------------------------------------------------------


async def test_every_wrong_setting_is_a_red_line_and_storage_is_asked_all_the_same(begun: Scene) -> None:
    found = await ask_of(begun, CLIENT_STATE="short", POLICY_EDITION="1999-01-01")
    assert found.codes("settings") == ["fault", "fault"]
    assert found.lights("storage") | found.lights("queues") == {Light.GREEN}
    assert found.codes("tenant") == ["needs-graph"]
    assert found.codes("sweep") == ["needs-ledger"]


async def test_a_timer_that_comes_too_seldom_and_an_unset_writeback_are_amber() -> None:
    settings = {**GOOD, "TELLING_SCHEDULE": "0 0 8 * * *", "RECONCILE_SCHEDULE": "0 five * * * *"}
    found = await ask(settings, "schedules", "writeback")
    assert found.codes("schedules") == ["seldom", "unreadable"]
    assert found.codes("writeback") == ["unknown"]
    assert found.of(Light.RED) == []


# --- notifications ----------------------------------------------------------------------------------------


async def test_a_subscription_that_graph_lost_that_ran_out_or_has_another_secret_is_red(begun: Scene) -> None:
    assert (await ask_of(begun, "subscriptions")).codes("subscriptions") == ["ok", "ok"]
    other = "another-secret-0123456789-0123456789"
    assert (await ask_of(begun, "subscriptions", CLIENT_STATE=other)).codes("subscriptions") == [
        "changed"
    ] * 2
    both = {"CLIENT_STATE": other, "CLIENT_STATE_PREVIOUS": begun._settings["CLIENT_STATE"]}
    assert (await ask_of(begun, "subscriptions", **both)).codes("subscriptions") == ["previous"] * 2
    elsewhere = {"NOTIFICATION_BASE_URL": "http://127.0.0.1:9/elsewhere"}
    assert (await ask_of(begun, "subscriptions", **elsewhere)).codes("subscriptions") == ["elsewhere"] * 2
    held = (await begun.control.state())["subscriptions"]
    users = next(one["id"] for one in held if "users" in one["resource"])
    await begun.control.do(service.DropSubscription(id=users))
    assert (await ask_of(begun, "subscriptions")).codes("subscriptions") == ["gone", "ok"]
    begun.clock.pass_by(days=25)
    assert (await ask_of(begun, "subscriptions")).codes("subscriptions") == ["gone", "ends-soon"]
    begun.clock.pass_by(days=5)
    assert (await ask_of(begun, "subscriptions")).codes("subscriptions") == ["expired"] * 2


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda _: web.Response(status=401), "status"),
        (lambda _: web.Response(status=302, headers={"Location": "https://login.example"}), "redirected"),
        (lambda _: web.Response(text="<html>parked</html>", content_type="text/html"), "wrong-answer"),
        (lambda seen: web.Response(text=seen.raw_path.partition("=")[2]), "wrong-answer"),
        (
            lambda seen: web.Response(text=seen.query["validationToken"], content_type="text/html"),
            "wrong-answer",
        ),
    ],
    ids=["a wall", "elsewhere", "another site", "token not decoded", "as html"],
)
async def test_an_address_that_does_not_answer_as_graph_wants_is_red(answer: Answer, code: str) -> None:
    async with answering(answer) as url:
        found = await ask({**GOOD, "NOTIFICATION_BASE_URL": url}, "address")
    assert found.codes("address") == [code, code]
    assert found.lights("address") == {Light.RED}


async def test_an_address_that_answers_is_green_unless_graph_can_not_come_there(begun: Scene) -> None:
    assert (await ask_of(begun, "address")).codes("address") == ["ok"]
    real = {"GRAPH_BASE_URL": "https://graph.microsoft.com/v1.0"}
    assert (await ask_of(begun, "address", **real)).codes("address") == ["loopback"]
    gone = {"NOTIFICATION_BASE_URL": "http://127.0.0.1:9"}
    assert (await ask_of(begun, "address", **gone)).codes("address") == ["unreached", "unreached"]


# --- telling ----------------------------------------------------------------------------------------------


async def test_a_test_goes_to_the_routes_that_were_agreed_and_to_no_other(begun: Scene) -> None:
    async with TeamsSink() as teams, WebhookSink(clock=begun.clock.now) as tickets:
        settings = {"TEAMS_WORKFLOW_URL": teams.url, **tickets.environment}
        assert (await ask_of(begun, "cards", **settings)).codes("cards") == ["not-asked"] * 2
        found = await cards_of(begun, ("teams",), **settings)
        assert found.codes("cards") == ["sent", "not-asked"]
        [card] = await teams.wait_for(1)
        assert "test card" in str(card.card)
        assert teams.rejected == []
        found = await cards_of(begun, ("tickets",), **settings)
        assert found.codes("cards") == ["not-asked", "taken"]
        assert ([one["type"] for one in tickets.events()], tickets.rejected) == (["watch.test"], [])
        teams.answer_next(404)
        found = await cards_of(begun, ("teams",), **settings)
        assert (found.codes("cards")[0], found.lines[0].light) == ("failed", Light.RED)
        assert "sig=" not in str(found.lines)


async def test_a_message_that_is_not_taken_over_is_red_and_a_digest_that_does_not_come_amber(
    begun: Scene,
) -> None:
    async with TeamsSink() as teams:
        settings = {"TEAMS_WORKFLOW_URL": teams.url, "DIGEST_EVERY": "7d"}
        worker = await begun.restarted(**settings)
        teams.answer_next(500, times=9)
        await worker.notifier.tell(begun.clock.now())
        found = await ask_of(begun, "handovers", "digest", **settings)
        assert (found.codes("handovers"), found.codes("digest")) == (["failing"], ["waiting"])
        assert "sig=" not in str(found.lines)
        teams._orders.clear()
        begun.clock.pass_by(hours=2)
        await worker.notifier.tell(begun.clock.now())
        found = await ask_of(begun, "handovers", "digest", **settings)
        assert (found.codes("handovers"), found.codes("digest")) == (["ok"], ["ok"])
        begun.clock.pass_by(days=20)
        assert (await ask_of(begun, "digest", **settings)).codes("digest") == ["late"]
