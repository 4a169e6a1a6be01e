"""Each check made green, amber and red by what really is so: simulator, storage, receivers."""

import base64
import re
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from admin.doctor import storage_checks
from admin.doctor.lights import Light
from sandbox import az
from sandbox.graph import service_operations as service
from sandbox.graph.faults import Fault
from sandbox.graph.principals import assignment_id, principal_of
from sandbox.storage_proxy import Match
from sandbox.teams import TeamsSink
from sandbox.webhook import WebhookSink
from shared.model import Evidence, EvidenceStatus
from shared.notify.exceptions import agreed
from shared.notify.exceptions.proposals import Proposal
from shared.rules.loader import load_rules
from shared.storage import Storage
from shared.watch.hearing import subscriptions as hearing
from shared.watch.messages import CREATE, DELETE
from shared.watch.users import delta_state
from shared.watch.users.delta_state import Delta, Gap
from tests.admin.shell import ROOT
from tests.doctor.answering import Answer, answering
from tests.doctor.patients import ask, ask_of, cards_of, change
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


# --- storage ----------------------------------------------------------------------------------------------


async def test_a_storage_that_is_not_there_is_one_red_line_and_the_rest_is_not_asked(begun: Scene) -> None:
    gone = begun._settings["WATCH_STORAGE"].replace("127.0.0.1", "127.0.0.2")
    found = await ask_of(begun, "queues", "sweep", WATCH_STORAGE=gone)
    assert found.of(Light.RED) == ["storage: unreached"]
    assert found.codes("queues") == ["needs-storage"]
    assert found.codes("sweep") == ["needs-ledger"]


async def test_a_wrong_key_is_refused_and_not_shown(begun: Scene) -> None:
    wrong = base64.b64encode(b"not the key of this account at all").decode()
    connection = re.sub(r"AccountKey=[^;]*", f"AccountKey={wrong}", begun._settings["WATCH_STORAGE"])
    found = await ask_of(begun, "storage", WATCH_STORAGE=connection)
    assert found.codes("storage") == ["refused"]
    assert wrong not in str(found.lines)


async def test_a_connection_string_that_is_none_is_said_without_its_key() -> None:
    found = await ask({**GOOD, "WATCH_STORAGE": "AccountName=x;AccountKey=top-secret;nonsense"}, "storage")
    assert found.codes("storage") == ["unusable"]
    assert "top-secret" not in str(found.lines)


async def test_a_container_that_can_not_be_written_is_red_and_nothing_is_left_behind(begun: Scene) -> None:
    denied = {"x-ms-error-code": "AuthorizationPermissionMismatch"}
    begun.proxy.answer(Match(method="PUT", path=r"^evidence/doctor-"), 403, denied)
    found = await ask_of(begun, "writing")
    assert found.codes("writing") == ["refused"]
    begun.proxy.forget_rules()
    assert (await ask_of(begun, "writing")).codes("writing") == ["ok"]
    for container in (begun.storage.ledger, begun.storage.evidence):
        assert [one.name async for one in container.names(storage_checks.TEST_BLOB)] == []


async def test_what_the_app_never_made_is_missing(storage_account: str) -> None:
    found = await ask({**GOOD, "WATCH_STORAGE": storage_account}, "places", "ledger")
    assert found.codes("places") == ["missing"]
    assert "changed-users" in str(found.lines)


async def test_a_storage_of_nobody_and_one_of_another_tenant_are_told_apart(
    begun: Scene, storage: Storage
) -> None:
    other = {**begun._settings, "TENANT_ID": GOOD["TENANT_ID"]}
    assert (await ask(other, "ledger")).codes("ledger") == ["others"]
    async for one in begun.storage.ledger.names(""):
        await begun.storage.ledger.delete(one.name)
    assert (await ask(other, "ledger")).codes("ledger") == ["none"]
    await storage.ledger.put(f"{begun._settings['TENANT_ID']}/manifest", b"{")
    assert (await ask_of(begun, "ledger", "sweep")).codes("sweep") == ["needs-ledger"]


async def test_messages_that_wait_long_or_were_put_aside_are_amber_and_then_red(begun: Scene) -> None:
    assert (await ask_of(begun, "queues", "poison")).of(Light.AMBER) == []
    await begun.storage.journal.send("x")
    await begun.storage.poison("changed-users").send("x")
    begun.clock.pass_by(hours=1)
    found = await ask_of(begun, "queues", "poison")
    assert (found.codes("queues"), found.codes("poison")) == (["waiting"], ["some"])
    begun.clock.pass_by(hours=8)
    found = await ask_of(begun, "queues", "poison")
    assert (found.codes("queues"), found.codes("poison")) == (["stuck"], ["old"])
    counts = {one.dequeue_count for one in await begun.storage.journal.receive()}
    assert counts == {1}, "looking is no delivery"


# --- Graph ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("taken", "settings", "code", "light"),
    [
        ("User.Read.All", {}, "users", Light.RED),
        ("Organization.Read.All", {}, "organization", Light.RED),
        ("Group.Read.All", {}, "groups", Light.RED),
        ("AuditLog.Read.All", {"SSPR_SCOPE": "auto"}, "registration", Light.AMBER),
        ("AuditLog.Read.All", {"SSPR_SCOPE": "all"}, "administrators", Light.AMBER),
        ("AuditLog.Read.All", {"SSPR_SCOPE": "report"}, "registration-needed", Light.RED),
        ("Policy.Read.All", {}, "policy", Light.AMBER),
    ],
)
async def test_a_missing_permission_says_what_is_lost(
    begun: Scene, taken: str, settings: dict[str, str], code: str, light: Light
) -> None:
    begun.world.roles -= {taken}
    found = await ask_of(begun, "permissions", **settings)
    assert (found.codes("permissions"), found.lights("permissions")) == ([code], {light})
    assert taken in found.lines[-1].said


@pytest.mark.parametrize(
    ("instead", "codes"),
    [("LicenseAssignment.Read.All", ["ends"]), ("Directory.Read.All", ["ok"])],
)
async def test_a_permission_that_another_stands_in_for_is_not_said_to_cost_every_verdict(
    begun: Scene, instead: str, codes: list[str]
) -> None:
    begun.world.roles = begun.world.roles - {"Organization.Read.All"} | {instead}
    found = await ask_of(begun, "permissions")
    assert (found.codes("permissions"), Light.RED in found.lights("permissions")) == (codes, False)


async def test_the_tenant_is_known_by_the_token_where_graph_does_not_show_it(begun: Scene) -> None:
    begun.world.roles -= {"Organization.Read.All"}
    found = await ask_of(begun, "tenant")
    assert (found.codes("tenant"), found.lights("tenant")) == (["by-token"], {Light.GREEN})


async def test_changes_of_groups_come_late_with_the_smaller_permission(begun: Scene) -> None:
    begun.world.roles = begun.world.roles - {"Group.Read.All"} | {"GroupMember.Read.All"}
    assert (await ask_of(begun, "permissions")).codes("permissions") == ["groups-by-delta"]


async def test_the_audit_log_is_wanted_only_where_it_is_used(begun: Scene) -> None:
    assert (await ask_of(begun, "permissions", POPULATION="used")).codes("permissions") == ["audit-log"]
    begun.world.roles |= {"Directory.Read.All"}
    found = await ask_of(begun, "permissions", "too-broad", POPULATION="used")
    assert found.lights("permissions") | found.lights("too-broad") == {Light.GREEN}
    assert (await ask_of(begun, "too-broad")).codes("too-broad") == ["unneeded"]


async def test_a_permission_to_write_is_too_broad_and_the_command_takes_away_that_very_grant(
    begun: Scene,
) -> None:
    begun.world.roles |= {"User.ReadWrite.All"}
    unknown = await ask_of(begun, "too-broad")
    assert unknown.codes("too-broad") == ["writes"]
    assert "--method GET" in unknown.lines[-1].remedy
    begun.world.roles |= {"Application.Read.All", "Sites.Read.All"}
    found = await ask_of(begun, "too-broad")
    assert found.codes("too-broad") == ["unneeded", "writes"]
    world = begun.world
    grant = assignment_id(world, "User.ReadWrite.All")
    path = f"/servicePrincipals/{principal_of(world, world.app_id)}/appRoleAssignments/{grant}"
    assert (
        f'az rest --method DELETE --url "{begun._settings["GRAPH_BASE_URL"]}{path}"' in found.lines[-1].remedy
    )


async def test_graph_of_another_tenant_is_red(begun: Scene) -> None:
    assert (await ask_of(begun, "tenant")).codes("tenant") == ["ok"]
    assert (await ask_of(begun, "tenant", TENANT_ID=GOOD["TENANT_ID"])).codes("tenant") == ["other"]


async def test_without_a_managed_identity_graph_is_not_asked_and_it_is_said_how(
    begun: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")
    refused = await ask_of(begun, "tenant")
    assert refused.codes("sign-in") in (["refused"], ["no-identity"])
    assert refused.codes("tenant") == ["needs-graph"]
    monkeypatch.setenv("PATH", "")
    person = await ask({**begun._settings}, "tenant", as_me=True)
    assert person.codes("sign-in") == ["signed-out"]
    assert "az login" in person.lines[0].remedy


async def test_a_graph_that_fails_is_a_red_line_and_no_traceback(begun: Scene) -> None:
    for _ in range(4):
        await begun.control.do(service.PutFault(fault=Fault(path="/organization", status=500, code="oops")))
    found = await ask_of(begun, "tenant", "permissions")
    assert (found.codes("tenant"), found.lights("tenant")) == (["graph"], {Light.RED})
    assert found.codes("permissions") == ["ok"]


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


# --- the watch itself -------------------------------------------------------------------------------------


async def test_a_reading_that_never_began_or_is_the_first_is_amber(begun: Scene) -> None:
    assert (await ask_of(begun, "sweep")).codes("sweep") == ["ok"]
    await change(begun, baseline_ended_at=None)
    assert (await ask_of(begun, "sweep")).codes("sweep") == ["first"]
    await change(begun, sweep=None)
    assert (await ask_of(begun, "sweep")).codes("sweep") == ["none"]


async def test_what_health_finds_is_red_here_too_and_its_notes_amber(begun: Scene) -> None:
    assert (await ask_of(begun, "health")).codes("health") == ["ok"]
    begun.clock.pass_by(days=3)
    found = await ask_of(begun, "health")
    assert found.lights("health") == {Light.RED}
    assert any("products" in line.said for line in found.lines)


async def test_what_somebody_ordered_is_not_said_to_mend_itself_and_what_was_made_good_is_not_amber(
    begun: Scene,
) -> None:
    begun.clock.pass_by(minutes=1)
    await hearing.obey(begun.watch, DELETE, begun.clock.now())
    found = await ask_of(begun, "health")
    assert found.codes("health") == ["left"]
    assert "subscriptions create" in found.lines[-1].remedy
    begun.clock.pass_by(minutes=1)
    await hearing.obey(begun.watch, CREATE, begun.clock.now())
    assert (await ask_of(begun, "health")).codes("health") == ["note", "note"]
    state = (await delta_state.read(begun.watch)).state
    begun.clock.pass_by(minutes=2)
    await remember(begun, msgspec.structs.replace(state, last_round_at=begun.clock.now()))
    found = await ask_of(begun, "health")
    assert ["groups" in line.said for line in found.lines] == [True], "users were asked for since"
    begun.clock.pass_by(hours=1)
    assert "may have been lost" not in str((await ask_of(begun, "health")).lines)


async def test_a_job_that_stands_still_is_red_where_it_is_asked_for_alone(begun: Scene) -> None:
    assert (await ask_of(begun, "sweep", "delta")).lights("delta") == {Light.GREEN}
    begun.clock.pass_by(days=9)
    found = await ask_of(begun, "sweep", "delta")
    assert (found.codes("sweep"), found.codes("delta")) == (["late"], ["late"])
    assert found.of(Light.RED) == ["sweep: late", "delta: late"]


async def test_evidence_that_could_not_be_read_or_is_too_old_is_said(begun: Scene) -> None:
    facts = await begun.watch.facts()
    assert (await ask_of(begun, "evidence")).codes("evidence") == ["ok"]
    at = begun.clock.now()
    pieces = {
        "skus": Evidence(status=EvidenceStatus.FAILED, read_at=at, tried_at=at, problem="x"),
        "groups": Evidence(status=EvidenceStatus.FORBIDDEN, permission="Group.Read.All"),
        "organization": Evidence(status=EvidenceStatus.OK, read_at=at - timedelta(days=15), tried_at=at),
    }
    await change(begun, facts=msgspec.structs.replace(facts, evidence=pieces))
    assert (await ask_of(begun, "evidence")).codes("evidence") == ["forbidden", "expired", "failed"]
    never = {"groups": Evidence(status=EvidenceStatus.NEVER)}
    await change(begun, facts=msgspec.structs.replace(facts, evidence=never))
    assert (await ask_of(begun, "evidence")).codes("evidence") == ["none"], "nothing read is not all read"
    await change(begun, facts=None)
    assert (await ask_of(begun, "evidence")).codes("evidence") == ["none"]


async def test_an_exception_that_ends_within_a_week_is_amber(begun: Scene) -> None:
    until = begun.clock.now() + timedelta(days=10)
    one = Proposal(owner="Grace", reason="Agreed", until=until, kind="coverage", subject_type="user")
    one = msgspec.structs.replace(one, subject_id=begun.world.user_order[0])
    container, tenant = begun.storage.ledger, begun._settings["TENANT_ID"]
    await agreed.add(container, tenant, [one], load_rules().kinds, begun.clock.now())
    assert (await ask_of(begun, "exceptions")).codes("exceptions") == ["ok"]
    begun.clock.pass_by(days=5)
    assert (await ask_of(begun, "exceptions")).codes("exceptions") == ["ending"]
    begun.clock.pass_by(days=4, hours=12)
    assert (await ask_of(begun, "exceptions")).codes("exceptions") == ["ending-today"]


async def remember(scene: Scene, state: Delta) -> None:
    """Have the delta query stand so."""
    await delta_state.write(scene.watch, await delta_state.read(scene.watch), state)


async def test_a_chain_of_changes_that_is_lost_and_a_gap_are_amber(begun: Scene) -> None:
    found = await ask_of(begun, "delta", "gap")
    assert (found.codes("delta"), found.codes("gap")) == (["ok"], ["none"])
    state = (await delta_state.read(begun.watch)).state
    at = begun.clock.now()
    quick = Gap(since=at, until=at, heard=9, mean_seconds=4.0, slowest_seconds=9.0)
    slow = msgspec.structs.replace(quick, mean_seconds=1_000.0)
    missed = msgspec.structs.replace(quick, users=3, longest_seconds=900.0)
    said = {}
    nothing = Gap(since=at, until=at)
    for gap in (nothing, quick, slow, missed):
        await remember(begun, msgspec.structs.replace(state, gap=gap))
        [code] = (await ask_of(begun, "gap")).codes("gap")
        said[code] = gap
    assert list(said) == ["quiet", "ok", "slow", "missed"]
    await remember(begun, msgspec.structs.replace(state, link="", lost_at=at))
    assert (await ask_of(begun, "delta")).codes("delta") == ["lost"]
    await remember(begun, msgspec.structs.replace(state, last_round_at=None))
    assert (await ask_of(begun, "delta")).codes("delta") == ["none"]


async def test_the_previous_secret_is_amber_until_it_is_gone(begun: Scene) -> None:
    assert (await ask_of(begun, "previous-secret")).codes("previous-secret") == ["ok"]
    found = await ask_of(begun, "previous-secret", CLIENT_STATE_PREVIOUS="p" * 40)
    assert (found.codes("previous-secret"), found.lights("previous-secret")) == (["said"], {Light.AMBER})
    assert "p" * 40 not in str(found.lines)
