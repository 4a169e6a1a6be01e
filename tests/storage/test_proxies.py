"""Who is asked on the way to storage: a proxy where the environment names one, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.storage import Storage, StorageSettings

NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
async def asked() -> AsyncIterator[tuple[int, list[str]]]:
    """A proxy that answers everything itself: its port, and the first lines of what it was asked."""
    lines: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines.append(head.split(b"\r\n", 1)[0].decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], lines


async def test_a_proxy_that_the_environment_names_is_asked(
    asked: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, lines = asked
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    storage = Storage.connect(_settings("http://account.example/devstoreaccount1"))
    try:
        await storage.clock()
    finally:
        await storage.close()
    assert [line.split("?")[0] for line in lines] == ["GET http://account.example/devstoreaccount1/ledger"]


async def test_a_password_file_of_the_machine_does_not_get_in_the_way(
    asked: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    port, lines = asked
    passwords = tmp_path / "netrc"
    passwords.write_text("machine 127.0.0.1 login someone password something\n")
    monkeypatch.setenv("NETRC", str(passwords))
    storage = Storage.connect(_settings(f"http://127.0.0.1:{port}/devstoreaccount1"))
    try:
        await storage.clock()
    finally:
        await storage.close()
    assert len(lines) == 1


def _settings(blobs: str) -> StorageSettings:
    return StorageSettings(
        connection_string=f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=AAAA;"
        f"BlobEndpoint={blobs};QueueEndpoint={blobs}"
    )
