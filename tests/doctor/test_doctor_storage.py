"""Storage made green, amber and red by what really is so: an account, keys, containers, queues."""

import base64
import re

import pytest

from admin.doctor import storage_checks
from admin.doctor.lights import Light
from sandbox.storage_proxy import Match
from shared.storage import Storage
from tests.doctor.patients import ask, ask_of
from tests.settings.good_settings import GOOD
from tests.watch.scene import Scene

pytestmark = pytest.mark.real


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
