"""Handing a card over to a Teams Workflows webhook (Microsoft Teams connector, "When a Teams webhook request
is received").

The URL is a secret: it is in no result, no exception and no log of this module. Workflows answers 202 before
it posts, so "delivered" means handed over, not seen.
"""

import math
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    import aiohttp

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 15.0
ACCEPTED = (200, 202)


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


class WorkflowsRoute:
    """Posts to one Workflows URL, one request at a time; close it after use."""

    def __init__(self, url: str, *, total_seconds: float = TOTAL_SECONDS) -> None:
        self._url = url
        self._total_seconds = total_seconds
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return "WorkflowsRoute(…)"

    async def post(self, payload: dict[str, Any], now: datetime) -> Delivered | Failed:
        """Hand one message over. Never raises for what the network or the receiver does."""
        import aiohttp

        body = msgspec.json.encode(payload)
        try:
            async with self._client().post(
                self._url, data=body, headers={"Content-Type": "application/json"}, allow_redirects=False
            ) as answer:
                return _read(answer.status, answer.headers.get("Retry-After", ""), now)
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


def _read(status: int, retry_after: str, now: datetime) -> Delivered | Failed:
    if status in ACCEPTED:
        return Delivered()
    asked = parse_retry_after(retry_after, now) if status == 429 or status >= 500 else None
    # A gateway's 502 or 504 may hide that the flow was started.
    certain = status not in (500, 502, 504)
    return Failed(
        status=f"http-{status}", retry_after=asked, certain=certain, route=status != 400 and status != 413
    )


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
    return timedelta(seconds=min(max(seconds, 0.0), 86_400.0))


def _until(text: str, now: datetime) -> timedelta | None:
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    when = when.replace(tzinfo=UTC) if when.tzinfo is None else when
    return min(max(when - now, timedelta(0)), timedelta(days=1))
