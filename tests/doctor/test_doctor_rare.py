"""What is seldom so: other clocks, a person instead of the app, slow and broken things, all by real parts."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import msgspec
import pytest
import trustme
from aiohttp import web

from admin.doctor import address_checks, examining, permission_checks
from admin.doctor.lights import Light
from admin.doctor.room import Room
from sandbox.graph import service_operations as service
from sandbox.graph.faults import Fault
from sandbox.graph.principals import role_id
from sandbox.storage_proxy import Match
from shared.graph.errors import Throttled
from shared.graph.principals import Claims
from shared.ledger.records import Sweep
from shared.storage.versions import KNOWN, LABEL
from tests.doctor.answering import answering
from tests.doctor.patients import ask, ask_of, change
from tests.sandbox.graph.calls import token_of
from tests.settings.good_settings import GOOD
from tests.watch.conftest import Opener
from tests.watch.scene import Scene

pytestmark = pytest.mark.real


# --- clocks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "code"), [(0, "ok"), (-90, "off"), (90, "off"), (-900, "far"), (900, "far")]
)
async def test_the_clock_of_storage_is_compared_both_ways(begun: Scene, seconds: int, code: str) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    headers = {"Date": date, "Last-Modified": date, "ETag": '"1"'}
    begun.proxy.answer(Match(path=r"^ledger\?restype=container", nth=None), 200, headers)
    assert (await ask_of(begun, "clock-storage")).codes("clock-storage") == [code]


@pytest.mark.parametrize(("seconds", "code"), [(0, "ok"), (-90, "off"), (900, "far")])
async def test_the_clock_of_graph_is_compared(begun: Scene, seconds: int, code: str) -> None:
    def late(_: web.Request) -> web.Response:
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
        return web.json_response({"value": []}, headers={"Date": date})

    async with answering(late) as address:
        assert (await ask_of(begun, "clock-graph", GRAPH_BASE_URL=f"{address}/v1.0")).codes(
            "clock-graph"
        ) == [code]


async def test_a_date_that_is_none_is_no_fault(begun: Scene) -> None:
    def odd(_: web.Request) -> web.Response:
        return web.json_response({"value": []}, headers={"Date": "yesterday"})

    async with answering(odd) as address:
        found = await ask_of(begun, "clock-graph", GRAPH_BASE_URL=f"{address}/v1.0")
    assert (found.codes("clock-graph"), found.lights("clock-graph")) == (["unknown"], {Light.SKIPPED})


# --- a person ---------------------------------------------------------------------------------------------


@pytest.fixture
def signed_in(begun: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """An Azure CLI at which somebody with these permissions is signed in."""

    def sign_in(*roles: str) -> None:
        """Each token that it is asked for is a line in `asked`."""
        token = token_of(begun.running, *roles)
        expires = int(datetime.now(UTC).timestamp()) + 3_000
        said = {"accessToken": token, "expires_on": expires, "tokenType": "Bearer", "tenant": "t"}
        (tmp_path / "az").write_text(f"#!/bin/sh\necho >>{tmp_path}/asked\necho '{json.dumps(said)}'\n")
        (tmp_path / "az").chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    return sign_in


async def ask_as_me(scene: Scene, *only: str, **settings: str) -> list[str]:
    """What a person is told of these, as `check: code`."""
    found = await ask({**scene._settings, **settings}, *only, scene=scene, as_me=True)
    return [f"{line.check}: {line.code}" for line in found.lines]


async def test_a_person_sees_the_grants_of_the_app_and_its_subscriptions_as_recorded(
    begun: Scene, signed_in: Callable[..., None]
) -> None:
    signed_in("Application.Read.All", "Organization.Read.All")
    checks = ("sign-in", "tenant", "permissions", "too-broad", "subscriptions")
    told = ["sign-in: person", "tenant: ok", "permissions: ok", "too-broad: ok"]
    assert await ask_as_me(begun, *checks) == [*told, "subscriptions: recorded", "subscriptions: recorded"]
    begun.world.roles = begun.world.roles - {"User.Read.All"} | {"Mail.Send"}
    assert await ask_as_me(begun, "permissions", "too-broad") == ["permissions: users", "too-broad: writes"]
    stranger = {"AZURE_CLIENT_ID": GOOD["TENANT_ID"]}
    assert await ask_as_me(begun, "permissions", "too-broad", **stranger) == [
        "permissions: no-app",
        "too-broad: unseen",
    ]
    none = {"AZURE_CLIENT_ID": ""}
    assert await ask_as_me(begun, "permissions", "too-broad", **none) == [
        "permissions: unseen",
        "too-broad: unseen",
    ]


async def test_the_azure_cli_is_asked_for_one_token_and_not_before_every_call(
    begun: Scene, signed_in: Callable[..., None], tmp_path: Path
) -> None:
    signed_in("Application.Read.All", "Organization.Read.All")
    assert "too-broad: ok" in await ask_as_me(begun, "tenant", "permissions", "too-broad", "clock-graph")
    assert (tmp_path / "asked").read_text().count("\n") == 1


async def test_a_sign_in_that_ran_out_is_mended_by_another_and_not_by_the_apps_identity(
    begun: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "az").write_text("#!/bin/sh\necho 'ERROR: AADSTS700082: expired. a@b.example' >&2\nexit 1\n")
    (tmp_path / "az").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = await ask({**begun._settings}, "sign-in", scene=begun, as_me=True)
    assert found.codes("sign-in") == ["signed-out"]
    assert "az login" in found.lines[0].remedy
    assert "a@b.example" not in str(found.lines)


async def test_a_token_that_can_not_be_read_is_no_sign_of_few_permissions(
    begun: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("admin.doctor.graph_checks.claims_of", lambda _: Claims())
    found = await ask_of(begun, "permissions", "too-broad", AZURE_CLIENT_ID="")
    assert (found.codes("permissions"), found.codes("too-broad")) == (["unseen"], ["unseen"])


async def test_a_person_who_may_not_read_applications_is_told_who_could(
    begun: Scene, signed_in: Callable[..., None]
) -> None:
    signed_in("User.Read.All")
    found = await ask({**begun._settings}, "permissions", scene=begun, as_me=True)
    assert (found.codes("permissions"), found.lights("permissions")) == (["unseen"], {Light.SKIPPED})
    assert "Application.Read.All" in found.lines[-1].remedy


async def test_storage_by_identity_is_asked_as_whoever_is_signed_in(
    begun: Scene, signed_in: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {
        "WATCH_STORAGE": "",
        "WATCH_STORAGE__blobServiceUri": "https://127.0.0.1:9/x",
        "WATCH_STORAGE__queueServiceUri": "https://127.0.0.1:9/x",
    }
    signed_in()
    assert (await ask_of(begun, "storage", **places)).codes("storage") == ["unreached"]
    monkeypatch.setenv("PATH", "")
    assert (await ask_of(begun, "storage", **places)).codes("storage") == ["signed-out"]


async def test_a_grant_that_the_token_does_not_carry_yet_is_amber(begun: Scene) -> None:
    begun.world.roles |= {"Application.Read.All"}

    async def grant(room: Room) -> object:
        begun.world.roles |= {"LicenseAssignment.Read.All"}
        return await permission_checks.permissions(room)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(examining, "CHECKS", {**examining.CHECKS, "permissions": grant})
        found = await ask_of(begun, "permissions")
    assert (found.codes("permissions"), found.lights("permissions")) == (["not-yet"], {Light.AMBER})
    assert role_id("LicenseAssignment.Read.All") not in str(found.lines), "named, not numbered"


# --- the address ------------------------------------------------------------------------------------------


async def test_an_address_with_a_certificate_that_nobody_trusts_is_red(tmp_path: Path) -> None:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    runner = web.AppRunner(web.Application(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        url = f"https://127.0.0.1:{runner.addresses[0][1]}"
        found = await ask({**GOOD, "NOTIFICATION_BASE_URL": url}, "address")
    finally:
        await runner.cleanup()
    assert found.codes("address") == ["certificate", "certificate"]


async def test_an_address_that_answers_late_is_amber(begun: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address_checks, "SLOW", 0.0)
    found = await ask_of(begun, "address")
    assert (found.codes("address"), found.lights("address")) == (["slow", "slow"], {Light.AMBER})


# --- the watch --------------------------------------------------------------------------------------------


async def test_no_subscription_at_all_and_one_that_is_done_without(open_scene: Opener) -> None:
    scene = await open_scene()
    scene.world.roles = scene.world.roles - {"Group.Read.All"} | {"GroupMember.Read.All"}
    await scene.ready()
    assert (await ask_of(scene, "subscriptions")).codes("subscriptions") == ["none", "none"]
    await scene.begin()
    assert (await ask_of(scene, "subscriptions")).codes("subscriptions") == ["ok", "forgone"]
    found = await ask_of(scene, "health")
    assert (found.codes("health"), found.lights("health")) == (["note"], {Light.AMBER})


async def test_a_subscription_whose_permission_was_taken_away_is_red(begun: Scene) -> None:
    begun.world.roles -= {"Group.Read.All"}
    found = await ask_of(begun, "subscriptions")
    assert found.codes("subscriptions") == ["ok", "forbidden"]
    assert "Group.Read.All" in found.lines[-1].said


async def test_a_later_reading_under_way_is_no_fault(begun: Scene) -> None:
    await change(begun, sweep=Sweep(id="s", started_at=begun.clock.now(), users=30, expected=60))
    found = await ask_of(begun, "sweep")
    assert (found.codes("sweep"), found.lights("sweep")) == (["running"], {Light.GREEN})
    assert "50 %" in found.lines[-1].said


async def test_a_manifest_that_can_not_be_read_is_red(begun: Scene) -> None:
    await begun.storage.ledger.put(f"{begun._settings['TENANT_ID']}/manifest", b"{", gzip=False)
    assert (await ask_of(begun, "sweep")).codes("ledger") == ["unreadable"]


async def test_storage_of_a_newer_release_is_red_and_says_which_blob(begun: Scene) -> None:
    name = f"{begun._settings['TENANT_ID']}/manifest"
    client = begun.storage.ledger._client.get_blob_client(name)
    await client.set_blob_metadata({LABEL: str(KNOWN["ledger/manifest"] + 1)})
    found = await ask_of(begun, "sweep")
    assert (found.codes("ledger"), found.lights("ledger")) == (["newer"], {Light.RED})
    assert f"ledger/{name} was written by a newer release" in str(found.lines)


# --- checks that fail themselves --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "code"),
    [(RuntimeError("sig=secret"), "broke"), (Throttled(90), "graph")],
    ids=["a fault of ours", "throttled"],
)
async def test_a_check_that_fails_is_one_red_line_and_the_others_are_asked(
    begun: Scene, problem: Exception, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_: Room) -> object:
        raise problem

    monkeypatch.setattr(examining, "CHECKS", {**examining.CHECKS, "queues": fails})
    found = await ask_of(begun, "queues", "poison")
    assert found.codes("queues") == [code]
    assert found.codes("poison") == ["ok"]
    assert "secret" not in str(found.lines)


async def test_a_check_that_hangs_is_given_up_and_the_others_are_asked(
    begun: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examining, "LIMIT", 1.5)
    hang = Fault(path="/organization", kind="hang", seconds=60.0, count=9)
    await begun.control.do(service.PutFault(fault=hang))
    async with asyncio.timeout(20):
        found = await ask_of(begun, "tenant", "permissions")
    assert (found.codes("tenant"), found.codes("permissions")) == (["too-long"], ["ok"])


async def test_storage_that_fails_half_way_is_a_red_line_of_that_check(begun: Scene) -> None:
    begun.proxy.answer(Match(path=r"/exceptions"), 400, {"x-ms-error-code": "InvalidInput"})
    found = await ask_of(begun, "exceptions", "sweep")
    assert found.codes("exceptions") == ["storage"]
    assert msgspec.json.encode([line.said for line in found.lines])
