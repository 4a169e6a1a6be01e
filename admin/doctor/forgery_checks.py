"""A made-up sign-in: does the app believe the header that only App Service may set.

App Service takes that header away from calls that come from outside, and sets its own for whoever signed in
("Work with user identities in Azure App Service authentication"). Whether it does so on paths that need no
sign-in too is written nowhere, so it is tried.
"""

import base64
import contextlib
import json
from collections.abc import Sequence

import aiohttp

from admin.doctor.lights import Said
from admin.doctor.room import Room
from shared.watch.access import PRINCIPAL_HEADER, ROLE

WITHIN = 10.0
"""Seconds for each of the two calls."""
HEALTH, REPORT = "/api/health", "/api/report"
_MOST = 65_536
"""Octets that are read of an answer. One that is longer is more than a word in any case."""


async def forged(room: Room) -> Sequence[Said]:
    """What the app tells somebody who claims the role and is nobody. Nothing of its answer is kept."""
    base = room.settings.notification_base_url
    said = [await _tried(base, path) for path in (HEALTH, REPORT)]
    return [one for one in said if one.code != "ok"] or said[:1]


async def _tried(base: str, path: str) -> Said:
    """One call; it follows no redirection, so that nobody but this address sees it."""
    timeout = aiohttp.ClientTimeout(total=WITHIN)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.get(base + path, headers={PRINCIPAL_HEADER: made_up()}, allow_redirects=False) as answer,
        ):
            status, body = answer.status, await _read(answer.content)
    except (aiohttp.ClientError, TimeoutError, OSError) as problem:
        return Said("unreached", {"path": path, "problem": type(problem).__name__})
    if 300 <= status < 400 or status in (401, 403):
        return Said("ok")
    if path == REPORT:
        believed = 200 <= status < 300
    else:
        if _is_word(body):
            return Said("ok")
        # health is 503 where the watch is unwell; whoever stands before it answers 503 too, but not in JSON.
        believed = 200 <= status < 300 or (status == 503 and body.lstrip().startswith(b"{"))
    return Said("believed" if believed else "unclear", {"path": path, "status": status})


def made_up() -> str:
    """A principal as App Service writes them, of nobody, with the app role."""
    claims = [{"typ": "name", "val": "doctor"}, {"typ": "roles", "val": ROLE}]
    principal = {"auth_typ": "aad", "claims": claims, "name_typ": "name", "role_typ": "roles"}
    return base64.b64encode(json.dumps(principal).encode()).decode()


async def _read(content: aiohttp.StreamReader) -> bytes:
    body = b""
    while len(body) < _MOST and (more := await content.read(_MOST)):
        body += more
    return body


def _is_word(body: bytes) -> bool:
    """Whether this is what health tells anyone."""
    with contextlib.suppress(ValueError):
        told = json.loads(body)
        return isinstance(told, dict) and told.keys() == {"status"}
    return False
