"""docs/operate.md: which role each command takes is what it really asks of storage, seen by a proxy."""

import asyncio
import re
import shlex
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.storage_proxy import Passed, StorageProxy
from shared.notify.messages import Mass
from shared.notify.table import Brake
from tests.admin.shell import PEOPLE, ROOT, Shell, begin, remembered
from tests.admin.test_erase_command import gone
from tests.admin.test_snapshot_commands import AT, FIRST, kept
from tests.ledger.readings import user_id

PAGE = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
HEAD = "| command | role on the watch's storage | in the tenant |"
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.partition(f"{HEAD}\n")[2].partition("\n\n")[0].splitlines()[1:]
]
SAID = {command: row[1] for row in ROWS for command in re.findall(r"`([^`]+)`", row[0])}
READS, WRITES, QUEUES = (
    "Storage Blob Data Reader",
    "Storage Blob Data Contributor",
    "Storage Queue Data Contributor",
)
AGREED = "--user {ada} --until 90d --owner Grace --reason Agreed"
LINES = {
    "exception add": f"exception add {AGREED}",
    "exception list": "exception list",
    "exception import": "exception import {file}",
    "exception end": "exception end {exception}",
    "release": "release --by Grace",
    "snapshot list": "snapshot list",
    "snapshot get": "snapshot get latest --out {out}",
    "explain --ledger": "explain {grace} --ledger",
    "replay --date": f"replay --date {AT.date()}",
    "subscriptions show": "subscriptions show",
    "subscriptions create": "subscriptions create --wait 1",
    "subscriptions delete": "subscriptions delete --wait 1",
    "erase": "erase {ada} --yes",
    "doctor": "doctor --only storage,writing,queues",
}
"""A line of each command that asks storage."""
NOT_OF_STORAGE = {"audit", "explain", "what-if", "replay"}


def needed(passed: Iterable[Passed]) -> set[str]:
    """The least roles by which these requests are allowed."""
    blobs = {one.method for one in passed if one.service == "Blob"}
    roles = {WRITES if blobs - {"GET", "HEAD"} else READS} if blobs else set[str]()
    return roles | ({QUEUES} if any(one.service == "Queue" for one in passed) else set())


def test_every_command_is_in_the_table_and_those_without_storage_name_no_role() -> None:
    assert set(SAID) == {*LINES, *NOT_OF_STORAGE}
    assert all(SAID[command] == "none" for command in NOT_OF_STORAGE)


@pytest.mark.real
@pytest.mark.timeout(240)
async def test_a_command_asks_of_storage_what_its_row_says(storage_account: str, tmp_path: Path) -> None:
    direct = Shell(storage_account)
    await asyncio.to_thread(_filled, direct)
    listed = await asyncio.to_thread(direct.agree, "--user", user_id(3))
    (tmp_path / "file.csv").write_text(
        f"user,group,tenant,kind,until,owner,reason\n{user_id(4)},,,,90d,Grace,Agreed\n"
    )
    values = {"ada": user_id(1), "grace": user_id(2), "exception": listed}
    values |= {"file": str(tmp_path / "file.csv"), "out": str(tmp_path / "out.ndjson.gz")}
    wrong = {}
    async with StorageProxy(storage_account) as proxy:
        shell = Shell(proxy.connection_string)
        for command, line in LINES.items():
            proxy.passed.clear()
            answer = await asyncio.to_thread(shell.run, *shlex.split(line.format(**values)))
            # Nobody has read the products here, so there is no verdict to explain; what is read is read.
            assert answer.code != 2 or command == "explain --ledger", (command, answer.err)
            said = {role for role in (READS, WRITES, QUEUES) if role in SAID[command]}
            if (found := needed(proxy.passed)) != said:
                wrong[command] = (found, said)
    assert wrong == {}


def _filled(shell: Shell) -> None:
    shell.with_storage(lambda storage: begin(storage, PEOPLE))
    shell.with_storage(lambda storage: kept(storage, AT, FIRST))
    shell.with_storage(lambda storage: gone(storage, 1))
    since = datetime.now(UTC) - timedelta(minutes=9)
    mass = Mass(worse=True, users=60, limit=50, since=since)
    remembered(shell, Brake(worse=True, since=since, at=since, mass=mass))
