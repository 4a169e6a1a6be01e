"""Where storage is slow to answer, whoever sits at a terminal is told that the command waits."""

import asyncio
import io
import sys

import pytest

from admin import connection
from admin.connection import Desk
from admin.words import say
from sandbox.azurite import WELL_KNOWN_ACCOUNT, WELL_KNOWN_KEY
from tests.ledger.readings import TENANT_ID


class Terminal(io.StringIO):
    """Standard error that people look at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    address = "http://127.0.0.1:9/devstoreaccount1"
    account = f"AccountName={WELL_KNOWN_ACCOUNT};AccountKey={WELL_KNOWN_KEY}"
    ends = ";".join(f"{name}Endpoint={address}" for name in ("Blob", "Queue", "Table"))
    monkeypatch.setenv("TENANT_ID", TENANT_ID)
    monkeypatch.setenv("WATCH_STORAGE", f"{account};{ends}")
    monkeypatch.setattr(connection, "PATIENCE", 0.05)


async def slow(_desk: Desk) -> None:
    await asyncio.sleep(0.2)


async def quickly(_desk: Desk) -> None:
    await asyncio.sleep(0)


def test_a_terminal_is_told_once_that_the_command_waits_for_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", seen := Terminal())
    assert connection.run(slow, None) == 0
    assert seen.getvalue() == say("trouble", "waiting") + "\n"


def test_nothing_is_said_where_storage_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", seen := Terminal())
    assert connection.run(quickly, None) == 0
    assert seen.getvalue() == ""


def test_a_script_reads_only_the_sentence_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", seen := io.StringIO())
    assert connection.run(slow, None) == 0
    assert seen.getvalue() == ""
