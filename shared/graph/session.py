"""One authenticated way to Microsoft Graph: requests of msgraph-sdk out, status, headers and bytes back.

The SDK brings the credential, the allowed hosts, the middleware and the request builders. Its typed models
are never loaded: answers come back through `NativeResponseHandler` and are decoded by msgspec into our own
types. The SDK's retry is off, because it overlooks decimal Retry-After, 500, 502 and resets, and lets every
call hit the throttle by itself; its redirects are off, because nothing but Graph shall see our requests.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.identity.aio import ManagedIdentityCredential
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.headers_collection import HeadersCollection
from kiota_abstractions.method import Method
from kiota_abstractions.native_response_handler import NativeResponseHandler
from kiota_abstractions.request_information import RequestInformation
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from kiota_http.middleware.options import (
    RedirectHandlerOption,
    ResponseHandlerOption,
    RetryHandlerOption,
    UrlReplaceHandlerOption,
)
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_request_adapter import options as sdk_options
from msgraph.graph_service_client import GraphServiceClient
from msgraph_core import GraphClientFactory  # type: ignore[import-untyped]  # it ships no type information

from shared import telemetry
from shared.graph.called import call_of, status_class
from shared.graph.errors import GraphError, LinkError, Throttled, Unauthorized, Unavailable, error_of
from shared.graph.retry import Clock, Gate, Pace, Patience, Room, Sleep, chance, retry_after
from shared.settings import GraphSettings

PRODUCT = "sspr-license-watch"
"""Sent as `User-Agent`: by it a tenant's activity log tells our calls from those of others (Microsoft Graph
activity logs, UserAgent)."""

_PRIORITY = "x-ms-throttle-priority"
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_TRY_AGAIN = {500, 502, 503, 504}
_PLAIN = re.compile(r"[0-9A-Za-z_.-]{1,100}")


class Answer(msgspec.Struct, frozen=True):
    """A successful answer.

    Header names in lower case; `asked_at` is our clock just before it was asked for.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    asked_at: datetime


@dataclass(frozen=True)
class Query:
    """OData options of a request, in the form that the SDK's builders take.

    A builder drops what it can't use.
    """

    select: list[str] | None = None
    filter: str | None = None
    count: bool | None = None
    top: int | None = None

    def get_query_parameter(self, name: str) -> str:
        """The name in a builder's URL template."""
        return f"%24{name}"


def asking(query: Query | None = None, *, eventual: bool = False) -> RequestConfiguration[Any]:
    """A configuration for a builder; `eventual` asks for the advanced query capabilities of the directory."""
    headers = HeadersCollection()
    if eventual:
        headers.add("ConsistencyLevel", "eventual")
    return RequestConfiguration(headers=headers, query_parameters=query)


def unhurried(request: RequestInformation) -> RequestInformation:
    """The same request, marked as one that can wait: where the tenant's budget runs short, Graph throttles it
    before others (Microsoft Graph throttling guidance, x-ms-throttle-priority), and it waits by itself
    (`retry.Room`)."""
    request.headers.try_add(_PRIORITY, "low")
    return request


def with_body(builder: Any, method: Method, body: object) -> RequestInformation:
    """A request of that builder with a JSON body of ours; the builder's own would load a typed model."""
    request = RequestInformation(method, builder.url_template, builder.path_parameters)
    request.headers.try_add("Accept", "application/json")
    request.set_stream_content(msgspec.json.encode(body), "application/json")
    return request


class GraphSession:
    """Every Graph call of a process: make one and share it, for the retry gate lies in it.

    `client` has the SDK's request builders. Not for more than one event loop. `clock` is monotonic seconds,
    `now` the time of day; both and `sleep` can be replaced in tests. A given `credential` stays the giver's.
    """

    def __init__(
        self,
        settings: GraphSettings,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        credential: AsyncTokenCredential | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        patience: Patience | None = None,
    ) -> None:
        self.settings = settings
        self.now = now
        self.patience = patience or Patience()
        self.gate = Gate(clock, sleep, self.patience.longest_wait)
        self.reports = Pace(5, 10.0, clock, sleep)
        self.room = Room(10.0, clock, sleep)
        self._sleep = sleep
        self._origin = _origin_of(settings.base_url)
        self._own_credential: ManagedIdentityCredential | None = None
        if credential is None:
            # A managed identity endpoint is on this machine: a proxy of the environment must not see it.
            credential = self._own_credential = ManagedIdentityCredential(
                client_id=settings.client_id or None, use_env_settings=False
            )
        self._transport = httpx.AsyncHTTPTransport(
            http2=False,
            trust_env=False,
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=32),
        )
        self._adapter = _adapter(settings, credential, self._transport)
        self.client: GraphServiceClient = GraphServiceClient(request_adapter=self._adapter)

    async def aclose(self) -> None:
        """Close connections and our own credential. The SDK's transport does not close the one it wraps."""
        await self._transport.aclose()
        if self._own_credential is not None:
            await self._own_credential.close()

    def follow(self, link: str) -> RequestInformation:
        """A request for a next or delta link, taken as it is.

        Raises `LinkError` if it leads away from Graph.
        """
        if _origin_of(link) != self._origin:
            raise LinkError(code="foreign-link")
        request = RequestInformation(Method.GET)
        request.url = link
        request.headers.try_add("Accept", "application/json")
        return request

    async def send(
        self,
        request: RequestInformation,
        *,
        repeatable: bool | None = None,
        accept: frozenset[int] = frozenset(),
        slow: bool = False,
    ) -> Answer:
        """Send it, again where that is safe, and return the answer if it is a success or in `accept`.

        `repeatable`: asking twice does no harm (default: only GET). What is not repeatable is repeated after
        a 429 or when no connection was made, never when Graph may have acted on it. `slow`: each attempt is
        in step with the limit of the report APIs, under which repeated ones count too, and can wait
        (`unhurried`). Raises a `GraphError`.
        """
        request.path_parameters["baseurl"] = self.settings.base_url
        if _origin_of(request.url) != self._origin:
            raise LinkError(code="foreign-link")
        again = request.http_method == Method.GET if repeatable is None else repeatable
        if slow:
            unhurried(request)
        request.add_request_options([ResponseHandlerOption(NativeResponseHandler())])
        for attempt in range(1, self.patience.attempts + 1):
            outcome = await self._attempt(request, accept, slow)
            if isinstance(outcome, Answer):
                return outcome
            if not outcome.harmless and not again:
                raise outcome.error
            delay = outcome.delay
            if delay is None:
                delay = self.patience.backoff(attempt, chance())
            throttled = outcome.error.status == 429
            if throttled:
                telemetry.GRAPH_THROTTLES.note(1, call=call_of(request))
                self.gate.shut(delay)
            if delay > self.patience.longest_wait or (throttled and attempt == self.patience.attempts):
                raise Throttled(delay, outcome.error.status, outcome.error.code, outcome.error.request_id)
            if attempt == self.patience.attempts:
                raise outcome.error
            if not throttled:
                await self._sleep(delay)
        raise Unavailable(code="no-attempts")

    async def _attempt(
        self, request: RequestInformation, accept: frozenset[int], slow: bool
    ) -> "Answer | _Failed":
        """One attempt: an answer, or a failure that may be tried again. Raises what no repetition mends."""
        if slow:
            await self.reports.turn(self.gate)
        elif request.headers.contains(_PRIORITY):
            await self.room.turn(self.gate)
        else:
            await self.gate.passed()
        # The SDK keeps the token that it put on an earlier attempt; it may have run out since.
        request.headers.remove("Authorization")
        asked_at = self.now()
        try:
            async with asyncio.timeout(self.patience.attempt_timeout):
                response: Any = await self._adapter.send_primitive_async(request, "bytes", {})
        except AzureError as problem:
            raise Unauthorized(code=f"identity-{type(problem).__name__}") from None
        except httpx.InvalidURL:
            raise LinkError(code="unreadable-link") from None
        except (httpx.RequestError, TimeoutError) as problem:
            telemetry.GRAPH_CALLS.note(1, call=call_of(request), status=status_class(None))
            unsent = isinstance(problem, _UNSENT)
            return _Failed(Unavailable(code=type(problem).__name__), delay=None, harmless=unsent)
        status = int(response.status_code)
        # Only the directory's budget is counted in these units; the reports have a pace of their own.
        if "x-ms-resource-unit" in response.headers:
            self.room.told(response.headers.get("x-ms-throttle-limit-percentage", ""))
        telemetry.GRAPH_CALLS.note(1, call=call_of(request), status=status_class(status))
        if 200 <= status < 300 or status in accept:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(status, headers, response.content, asked_at)
        code = code_of(response.content)
        request_id = _plain(response.headers.get("request-id", ""))
        error = error_of(status, code, request_id)
        if status == 429 or status in _TRY_AGAIN:
            delay = retry_after(response.headers.get("retry-after"), self.now())
            return _Failed(error, delay=delay or None, harmless=status == 429)
        raise error


@dataclass(frozen=True)
class _Failed:
    """A failed attempt. `delay`: what Graph asked for; `harmless`: Graph has certainly not acted on it."""

    error: GraphError
    delay: float | None
    harmless: bool


class _ErrorBody(msgspec.Struct):
    code: Any = ""


class _ErrorAnswer(msgspec.Struct):
    error: _ErrorBody


def code_of(body: bytes) -> str:
    """Graph's error code from the body of an answer; empty for HTML and other things that are not Graph's."""
    try:
        code = msgspec.json.decode(body, type=_ErrorAnswer).error.code
    except (msgspec.MsgspecError, RecursionError):
        return ""
    return _plain(code)


def _plain(text: object) -> str:
    """Only what a code or request id can be made of, so that nothing else of an answer gets into a log."""
    return text if isinstance(text, str) and _PLAIN.fullmatch(text) else ""


def _origin_of(url: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port; None for anything unreadable or with credentials in it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    # A backslash, space or control character is read differently by different URL parsers.
    if any(character <= " " or character == "\\" for character in url):
        return None
    if not parts.scheme or not parts.hostname or parts.username is not None or parts.password is not None:
        return None
    return parts.scheme, parts.hostname, port or {"https": 443, "http": 80}.get(parts.scheme)


def _adapter(
    settings: GraphSettings, credential: AsyncTokenCredential, transport: httpx.AsyncHTTPTransport
) -> GraphRequestAdapter:
    """The SDK's adapter with its own middleware, over our HTTP/1.1 transport."""
    authentication = AzureIdentityAuthenticationProvider(
        credential, scopes=[settings.scope], allowed_hosts=[urlsplit(settings.base_url).hostname or ""]
    )
    options = dict(sdk_options)
    options[RetryHandlerOption.get_key()] = RetryHandlerOption(max_retries=0, should_retry=False)
    options[RedirectHandlerOption.get_key()] = RedirectHandlerOption(should_redirect=False)
    # It rewrites URLs as text, to make /users/me-token-to-replace into /me; links shall stay as they are.
    options[UrlReplaceHandlerOption.get_key()] = UrlReplaceHandlerOption(enabled=False)
    # At INFO it logs every URL; links carry Graph's opaque tokens.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    http = httpx.AsyncClient(
        headers={"User-Agent": PRODUCT},
        transport=transport,
        timeout=httpx.Timeout(30.0, connect=5.0),
        trust_env=False,
    )
    adapter = GraphRequestAdapter(
        authentication, client=GraphClientFactory.create_with_default_middleware(client=http, options=options)
    )
    adapter.base_url = settings.base_url
    return adapter
