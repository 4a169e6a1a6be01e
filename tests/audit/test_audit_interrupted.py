"""Ctrl-C: a real SIGINT to a real process, at every stage; nothing is left, and one sentence is said."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from admin.audit.folder import ended_alike
from sandbox.graph.faults import Fault
from sandbox.graph.server import Running, serve
from sandbox.graph.tenant import generate
from tests.audit.commands import Auditor
from tests.audit.people import QUICK

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

SENTENCE = "Interrupted: nothing was written."


@pytest.fixture
async def tenant() -> AsyncIterator[Running]:
    async with await serve(generate(1_200, rates=QUICK)) as running:
        yield running


@pytest.mark.parametrize(
    ("stage", "path"),
    [
        ("Permissions", "/organization"),
        ("Tenant, SKUs, groups", "/subscribedSkus"),
        ("Registration report", "/reports/*"),
        ("Users", "/users"),
    ],
)
@pytest.mark.parametrize("times", [1, 2])
async def test_at_any_stage_nothing_is_left_and_it_is_said(
    tenant: Running, tmp_path: Path, stage: str, path: str, times: int
) -> None:
    auditor = Auditor(tmp_path, tenant)
    if stage != "Permissions":
        tenant.simulator.faults.put(Fault(path=path, kind="delay", seconds=0.0))
    tenant.simulator.faults.put(Fault(path=path, kind="hang", seconds=60.0))
    process = await auditor.start("--pseudonymise", "key")
    assert process.stderr
    while (line := (await process.stderr.readline()).decode().strip()) != stage:
        assert line
    async with asyncio.timeout(20):
        while tenant.simulator.faults.waiting:  # noqa: ASYNC110  # the simulator has no event for it
            await asyncio.sleep(0.01)
    for _ in range(times):
        process.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, out.decode()) == (130, "")
    assert err.decode().splitlines() == [SENTENCE]
    assert auditor.left == set()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
async def test_whoever_ends_it_politely_leaves_nothing_of_anybody_either(
    tenant: Running, tmp_path: Path, name: str
) -> None:
    auditor = Auditor(tmp_path, tenant)
    for path in ("/users", "/users"):
        tenant.simulator.faults.put(Fault(path=path, kind="delay", seconds=0.0))
    tenant.simulator.faults.put(Fault(path="/users", kind="hang", seconds=60.0))
    process = await auditor.start("--out", "a")
    async with asyncio.timeout(30):
        while tenant.simulator.faults.waiting:  # noqa: ASYNC110  # the simulator has no event for it
            await asyncio.sleep(0.01)
    assert any(one.startswith(".sspr-audit-") for one in auditor.left)
    process.send_signal(getattr(signal, name))
    _, err = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, err.decode().splitlines()[-1]) == (130, SENTENCE)
    assert auditor.left == set()


async def test_what_nohup_ignores_does_not_end_it() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_alike():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_while_the_azure_cli_is_asked_nothing_but_that_is_said(tenant: Running, tmp_path: Path) -> None:
    auditor = Auditor(tmp_path, tenant)
    begun = auditor.bin / "begun"
    (auditor.bin / "az").write_text(f"#!/bin/sh\ntouch {begun}\nexec sleep 20\n")
    process = await auditor.start()
    async with asyncio.timeout(20):
        while not begun.exists():  # noqa: ASYNC110  # another process makes it
            await asyncio.sleep(0.01)
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(10):
        code = await process.wait()
        assert process.stderr
        said = (await process.stderr.readline()).decode()
    assert (code, said) == (130, f"{SENTENCE}\n")
    assert auditor.left == set()


@pytest.mark.parametrize("seconds", [0.1, 0.4, 0.7, 1.0, 1.3, 1.5, 1.7])
async def test_at_any_moment_there_is_a_whole_folder_or_none(
    tenant: Running, tmp_path: Path, seconds: float
) -> None:
    auditor = Auditor(tmp_path, tenant)
    process = await auditor.start("--out", "a")
    await asyncio.sleep(seconds)
    if process.returncode is None:
        process.send_signal(signal.SIGINT)
    _, err = await asyncio.wait_for(process.communicate(), 30)
    said = err.decode()
    assert "Exception ignored" not in said
    if process.returncode == 0:
        assert len(auditor.left) == 5
    else:
        assert auditor.left == set()
