"""The host as a process: how it starts, fails to start, stops and dies."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from sandbox.host.errors import HostError
from sandbox.host.process import ROOT, HostProcess, functions
from sandbox.stage import free_port
from sandbox.waiting import until
from tests.sandbox.host.support import PARCELS, Queues, eventually

pytestmark = pytest.mark.real

FAULTS = "TENANT_ID is missing: set it to the tenant's id\nCLIENT_STATE is shorter than 32 characters"
HOST_JSON = '{"version": "2.0"}'


async def test_a_host_serves_stops_on_sigterm_with_0_and_logs_runs_by_id_only(
    settings: dict[str, str], queues: Queues
) -> None:
    async with HostProcess(PARCELS, settings) as host, aiohttp.ClientSession(host.url) as session:
        async with session.post("/api/parcels", json=["private words"]) as answer:
            assert answer.status == 202
        assert "private words" in (await queues.wait_for("handled", bool))[0]
        await eventually(lambda: queues.is_empty("parcels"))
        os.kill(host.pid, signal.SIGTERM)
        assert await host.ended() == 0
    log = host.log_text()
    assert not host.log_path.exists()  # nobody asked to keep it
    assert re.search(r"Executing 'Functions\.handle' \(Reason='New queue message .*Id=[0-9a-f-]{36}\)", log)
    assert re.search(r"Executed 'Functions\.handle' \(Succeeded, Id=[0-9a-f-]{36}, Duration=\d+ms\)", log)
    assert "private words" not in log
    assert "Request URL" not in log


async def test_a_killed_host_leaves_its_message_to_the_next_after_the_lease(
    settings: dict[str, str], queues: Queues
) -> None:
    await queues.send("parcels", "slow:1.5")
    async with HostProcess(PARCELS, settings, only={"handle"}, lease=2) as first:
        await eventually(lambda: started(first))
        await first.kill()
        assert first.returncode == -signal.SIGKILL
    assert await queues.texts("handled") == []
    async with HostProcess(PARCELS, settings, only={"handle"}, lease=2):
        assert '"tries": 2' in (await queues.wait_for("handled", bool))[0]


async def started(host: HostProcess) -> bool:
    return "Executing 'Functions.handle'" in host.log_text()


async def test_split_serves_http_timers_and_queues_from_processes_of_their_own(
    settings: dict[str, str], queues: Queues
) -> None:
    async with HostProcess(PARCELS, settings, split=True) as host, aiohttp.ClientSession(host.url) as session:
        async with session.post("/api/parcels", json=["x"]) as answer:
            assert answer.status == 202
        await queues.wait_for("handled", bool)
        await queues.wait_for("opened", bool)
        workers = dict(re.findall(r"HOST WORKER (\w+) (\d+) http", host.log_text()))
        assert set(workers) == {"http", "timers", "handle"}
        # One that dies ends the whole, and says which.
        os.kill(int(workers["timers"]), signal.SIGKILL)
        assert await host.ended() == 1
    assert "the process for timers ended by itself" in host.log_text()
    for pid in workers.values():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


async def _started_twice(host: HostProcess, name: str) -> bool:
    return len(re.findall(rf"HOST WORKER {name} ", host.log_text())) > 1


async def test_with_replace_another_process_takes_the_place_of_a_dead_one(
    settings: dict[str, str], queues: Queues
) -> None:
    async with HostProcess(PARCELS, settings, port=free_port(), split=True, replace=True) as host:
        for name in ("http", "handle"):
            [pid] = re.findall(rf"HOST WORKER {name} (\d+) http", host.log_text())
            os.kill(int(pid), signal.SIGKILL)
            await until(f"another process for {name}", partial(_started_twice, host, name), 60)
        async with (
            aiohttp.ClientSession(host.url) as session,
            session.post("/api/parcels", json=["x"]) as answer,
        ):
            assert answer.status == 202
        await queues.wait_for("handled", bool)
        assert host.returncode is None


async def test_a_host_ends_when_whoever_started_it_is_killed(settings: dict[str, str]) -> None:
    starter = (
        "import asyncio, json, sys\nfrom pathlib import Path\nfrom sandbox.host.process import HostProcess\n"
        "async def main():\n"
        "    async with HostProcess(Path(sys.argv[1]), json.loads(sys.argv[2]), only={'plain'}) as host:\n"
        "        print(host.pid, flush=True)\n        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-c", starter, str(PARCELS), json.dumps(settings)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    host_pid = int(await process.stdout.readline())
    process.kill()
    await process.wait()
    await eventually(lambda: gone(host_pid))


async def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_an_app_whose_settings_are_wrong_stops_the_start_with_all_faults(tmp_path: Path) -> None:
    source = f"class SettingsError(Exception): ...\nraise SettingsError({FAULTS!r})\n"
    (tmp_path / "function_app.py").write_text(source, "utf-8")
    (tmp_path / "host.json").write_text(HOST_JSON, "utf-8")
    with pytest.raises(HostError) as caught:
        await HostProcess(tmp_path, {}).start()
    text = str(caught.value)
    assert "the host ended with 1" in text
    assert f"SettingsError: {FAULTS}" in text
    assert "Traceback" not in text


async def test_a_taken_port_is_said_and_ends_the_start_with_1(settings: dict[str, str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(HostError, match=f"port {port} on 127.0.0.1 can't be used") as caught:
            await HostProcess(PARCELS, settings, port=port).start()
    assert "the host ended with 1" in str(caught.value)


async def test_the_command_line_prints_where_it_listens(settings: dict[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "sandbox.host", "--app", str(PARCELS), "--port", "0", "--only", "plain"],
        cwd=ROOT,
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    process.send_signal(signal.SIGINT)
    assert re.fullmatch(r"HOST READY http://127\.0\.0\.1:\d+\n", line)
    assert await process.wait() == 0


async def test_functions_are_listed_from_a_process_of_their_own(settings: dict[str, str]) -> None:
    found = {function["name"]: function["bindings"] for function in await functions(PARCELS, settings)}
    assert set(found) == {"receive", "lose", "plain", "handle", "count", "open_up"}
    assert found["open_up"][-1]["runOnStartup"] is True


async def test_a_developers_own_settings_do_not_reach_the_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENANT_ID", "the developer's")
    source = "import os\nenv = os.environ.get\n"
    source += 'raise ValueError(f\'TENANT_ID={env("TENANT_ID")} OURS={env("OURS")}\')\n'
    (tmp_path / "function_app.py").write_text(source, "utf-8")
    with pytest.raises(HostError, match="TENANT_ID=None OURS=yes"):
        await functions(tmp_path, {"OURS": "yes"})
