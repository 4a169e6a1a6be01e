"""Azurite: starts on free ports, keeps accounts apart, says what is missing, and always ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from azure.storage.queue.aio import QueueServiceClient

from sandbox import azurite as module
from sandbox.azurite import Azurite, AzuriteError
from sandbox.host.process import ROOT

pytestmark = pytest.mark.real


async def queue_names(connection_string: str) -> list[str]:
    async with QueueServiceClient.from_connection_string(connection_string) as service:
        return [str(queue.name) async for queue in service.list_queues()]


async def test_two_run_side_by_side_and_stop(tmp_path: Path) -> None:
    async with Azurite() as first, Azurite(tmp_path) as second:
        assert set(first.ports.values()).isdisjoint(second.ports.values())
        async with QueueServiceClient.from_connection_string(second.connection_string) as service:
            await service.create_queue("kept")
        assert await queue_names(first.connection_string) == []
        pids = (first.pid, second.pid)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    # What lies in a folder is there again.
    async with Azurite(tmp_path) as again:
        assert await queue_names(again.connection_string) == ["kept"]


async def test_each_new_account_is_empty_and_apart_until_none_is_left() -> None:
    with Azurite(spare_accounts=2) as running:
        one, other = running.new_account(), running.new_account()
        async with QueueServiceClient.from_connection_string(one) as service:
            await service.create_queue("mine")
        assert await queue_names(other) == []
        with pytest.raises(AzuriteError, match="spare_accounts"):
            running.new_account()


def test_a_taken_port_is_named(azurite: Azurite) -> None:
    port = azurite.ports["Blob"]
    with pytest.raises(AzuriteError, match=f"port {port} on 127.0.0.1 is taken"), Azurite(blob_port=port):
        pass


def test_a_missing_node_is_said_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(AzuriteError, match="apt-get install nodejs npm"), Azurite():
        pass


def test_a_missing_package_is_said_with_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "SCRIPT", tmp_path / "azurite.js")
    with pytest.raises(AzuriteError, match="make setup"), Azurite():
        pass


@pytest.mark.parametrize(("option", "collects"), [("--inMemoryPersistence", False), ("--location", True)])
def test_in_memory_it_never_stops_to_collect_what_was_overwritten(option: str, collects: bool) -> None:
    intervals = ", ".join(
        f"require('{module.HERE}/node_modules/azurite/dist/src/{service}/utils/constants').DEFAULT_GC_INTERVAL_MS"
        for service in ("blob", "queue")
    )
    with subprocess.Popen(
        ["node", "--require", module.GUARD, "-p", f"[{intervals}].join()", "--", option],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as node:
        assert node.stdout is not None
        days = [int(interval) / 86_400_000 for interval in node.stdout.readline().split(",")]
    assert [day > 20 for day in days] == [not collects] * 2


def test_it_ends_with_whoever_started_it_even_when_that_is_killed() -> None:
    starter = (
        "import time\nfrom sandbox.azurite import Azurite\n"
        "print(Azurite().start().pid, flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", starter], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.wait()
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("Azurite outlived its starter")


def test_the_lock_names_no_registry_and_pins_azurite() -> None:
    lock = (ROOT / "sandbox" / "package-lock.json").read_text("utf-8")
    assert '"resolved"' not in lock
    assert '"azurite": "3.35.0"' in lock
