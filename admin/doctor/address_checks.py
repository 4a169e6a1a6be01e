"""The public address: does it answer the handshake that Graph makes before it calls anybody."""

import secrets
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import aiohttp

from admin.doctor.lights import Said
from admin.doctor.room import Room
from shared.settings.reader import LOOPBACK
from shared.watch.hearing.subscriptions import wanted

WITHIN = 10.0
"""Seconds that Graph waits for the answer (Microsoft Graph: change notifications through webhooks)."""
SLOW = 3.0
"""Slower answers make Graph take the address for a slow one."""


async def address(room: Room) -> Sequence[Said]:
    """Both addresses, each once: notifications and lifecycle. With Event Grid there is none to call."""
    delivery = room.settings.delivery
    if delivery.is_event_grid and delivery.topic:
        return [Said("topic", {"topic": delivery.topic.name, "group": delivery.topic.group})]
    # All subscriptions have the same two.
    want = wanted(room.settings)[0]
    urls = [want.notification_url, want.lifecycle_url]
    answers = [await _shaken(url) for url in urls]
    said = [one for one in answers if one.code != "ok"]
    if said:
        return said
    graph = urlsplit(room.settings.graph.base_url).hostname
    if urlsplit(urls[0]).hostname in LOOPBACK and graph not in LOOPBACK:
        return [Said("loopback")]
    return [max(answers, key=lambda one: one.values["n"])]


async def _shaken(url: str) -> Said:
    """What Graph would make of this address, with a token that needs decoding."""
    token = f"doctor: {secrets.token_urlsafe(12)} +/%&"
    path = urlsplit(url).path
    timeout = aiohttp.ClientTimeout(total=WITHIN)
    began = time.monotonic()
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.post(url, params={"validationToken": token}, data=b"", allow_redirects=False) as answer,
        ):
            body = await answer.content.read(8_192)
            status, kind = answer.status, answer.content_type
    except aiohttp.ClientSSLError:
        return Said("certificate", {"path": path})
    except (aiohttp.ClientError, TimeoutError, OSError) as problem:
        return Said("unreached", {"path": path, "problem": type(problem).__name__})
    seconds = time.monotonic() - began
    if 300 <= status < 400:
        return Said("redirected", {"path": path, "status": status})
    if status != 200:
        return Said("status", {"path": path, "status": status})
    if body.decode("utf-8", "replace") != token or kind != "text/plain":
        return Said("wrong-answer", {"path": path})
    if seconds > SLOW:
        return Said("slow", {"path": path, "n": round(seconds)})
    return Said("ok", {"n": round(1000 * seconds)})
