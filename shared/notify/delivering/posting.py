"""Handing bytes over by HTTP POST, for every kind of route.

The URL may be a secret: it is in no result, no exception and no log of this module.
"""

import math
from collections.abc import Container, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import aiohttp

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 15.0
LONGEST_ASKED = timedelta(days=1)
"""More quiet than this is not granted to a receiver that asks for it."""

OF_THE_MESSAGE = (400, 413, 422)
"""What is wrong with one message: others may fare better."""
MAYBE_TAKEN = (500, 502, 504)
"""A gateway's 502 or 504 may hide that the receiver took it, and so may an error halfway."""


class Delivered(msgspec.Struct, frozen=True):
    """The receiver took it over."""


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """It did not, or did not say so.

    `status` names why: `http-<status>`, `timeout`, `unreachable`, `reset`, `bad-url`. `retry_after`: what the
    receiver asked for, if it did. `certain`: it surely was not taken over; False where the answer got lost.
    `route`: others would fare the same now, so this run should not try more.
    """

    status: str
    retry_after: timedelta | None = None
    certain: bool = True
    route: bool = True


class Post:
    """Posts JSON to one URL, one request at a time; redirects are not followed. Close it after use.

    `accepted`: the statuses that mean it was taken over.
    """

    def __init__(self, url: str, accepted: Container[int], total_seconds: float = TOTAL_SECONDS) -> None:
        self._url = url
        self._accepted = accepted
        self._total_seconds = total_seconds
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return "Post(…)"

    async def send(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Delivered | Failed:
        """One request. Never raises for what the network or the receiver does. `now` is for Retry-After."""
        import aiohttp

        headers = {"Content-Type": "application/json", **headers}
        try:
            async with self._client().post(
                self._url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                return self._read(answer.status, answer.headers.get("Retry-After", ""), now)
        except aiohttp.InvalidURL:
            return Failed(status="bad-url")
        except aiohttp.ClientConnectorError:
            return Failed(status="unreachable")
        except aiohttp.ConnectionTimeoutError:
            return Failed(status="unreachable")
        except TimeoutError:
            return Failed(status="timeout", certain=False)
        except (aiohttp.ClientError, OSError):
            return Failed(status="reset", certain=False)

    def _read(self, status: int, retry_after: str, now: datetime) -> Delivered | Failed:
        if status in self._accepted:
            return Delivered()
        asked = parse_retry_after(retry_after, now) if status == 429 or status >= 500 else None
        return Failed(
            status=f"http-{status}",
            retry_after=asked,
            certain=status not in MAYBE_TAKEN,
            route=status not in OF_THE_MESSAGE,
        )

    def _client(self) -> "aiohttp.ClientSession":
        import aiohttp

        if self._session is None or self._session.closed:
            # The answer's cookies are nobody's business.
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._total_seconds, connect=CONNECT_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def parse_retry_after(text: str, now: datetime) -> timedelta | None:
    """Seconds (decimal ones too) or an HTTP date; None if absent or unreadable. Never negative."""
    text = text.strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        return _until(text, now)
    if not math.isfinite(seconds):
        return None
    return timedelta(seconds=min(max(seconds, 0.0), LONGEST_ASKED.total_seconds()))


def _until(text: str, now: datetime) -> timedelta | None:
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    when = when.replace(tzinfo=UTC) if when.tzinfo is None else when
    return min(max(when - now, timedelta(0)), LONGEST_ASKED)
