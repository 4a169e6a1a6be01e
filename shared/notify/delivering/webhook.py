"""Handing an event over to a receiver of one's own, signed as Standard Webhooks says.

Specification: github.com/standard-webhooks/standard-webhooks, `spec/standard-webhooks.md`. URL and secret are
in no result, no exception and no log of this module.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from shared.notify.delivering.posting import LONGEST_ASKED, TOTAL_SECONDS, Delivered, Failed, Post
from shared.settings.routes import signing_keys

ID_HEADER = "webhook-id"
"""Names the message to whoever gets the request: the same at each attempt."""
ACCEPTED = range(200, 300)
GONE = "http-410"
"""The receiver wants no more. Only an administrator can end a route, and what is unsaid must not be lost: so
it is left alone for a day at a time, and `health` says why."""


class WebhookRoute:
    """Posts events to one URL, one at a time; close it after use.

    `secret` as set: one, or two with a space between while it is being changed: then both sign. Raises
    ValueError if it is not usable.
    """

    def __init__(self, url: str, secret: str, *, total_seconds: float = TOTAL_SECONDS) -> None:
        self._post = Post(url, ACCEPTED, total_seconds)
        self._keys = signing_keys(secret)

    def __repr__(self) -> str:
        return "WebhookRoute(…)"

    async def post(self, message_id: str, payload: dict[str, Any], now: datetime) -> Delivered | Failed:
        """Hand one event over. Never raises for what the network or the receiver does.

        `message_id`: the same at each attempt, and no dot in it. `now`: the time of this very attempt; a
        receiver refuses what is more than five minutes away from its own clock.
        """
        body = msgspec.json.encode(payload)
        result = await self._post.send(body, signed(message_id, now, body, self._keys), now)
        if isinstance(result, Failed) and result.status == GONE:
            return msgspec.structs.replace(result, retry_after=LONGEST_ASKED)
        return result

    async def close(self) -> None:
        """Close the connections."""
        await self._post.close()


def signed(message_id: str, at: datetime, body: bytes, keys: Iterable[bytes]) -> dict[str, str]:
    """The headers that prove that this body is from whoever has one of the keys, and from that second."""
    timestamp = str(int(at.timestamp()))
    content = b".".join((message_id.encode(), timestamp.encode(), body))
    digests = (hmac.digest(key, content, hashlib.sha256) for key in keys)
    return {
        ID_HEADER: message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests),
    }
