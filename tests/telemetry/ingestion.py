"""An Application Insights of our own: takes what Microsoft's exporter sends and keeps it, over real HTTP."""

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web


@dataclass(frozen=True)
class Trace:
    """A log record as it is stored (table AppTraces)."""

    message: str
    severity: str
    properties: Mapping[str, str]
    operation: str


@dataclass(frozen=True)
class Measured:
    """One value of a metric as it is stored (table AppMetrics)."""

    name: str
    value: float
    count: int
    properties: Mapping[str, str]


@dataclass
class Ingestion:
    """Takes telemetry on a loopback port: `async with Ingestion() as sink`, then `sink.connection_string`."""

    envelopes: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    _runner: web.AppRunner | None = None

    @property
    def connection_string(self) -> str:
        """What the app is to be told as APPLICATIONINSIGHTS_CONNECTION_STRING."""
        key = "00000000-0000-0000-0000-000000000001"
        return f"InstrumentationKey={key};IngestionEndpoint={self.url}/;LiveEndpoint={self.url}/"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        if not request.path.endswith("/track"):
            # Live metrics: nobody is looking.
            return web.json_response({}, headers={"x-ms-qps-subscribed": "false"})
        body = await request.read()
        if body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        text = body.decode()
        taken = json.loads(text) if text.startswith("[") else [json.loads(row) for row in text.splitlines()]
        self.envelopes += taken
        return web.json_response({"itemsReceived": len(taken), "itemsAccepted": len(taken), "errors": []})

    def kinds(self) -> set[str]:
        """The tables that were written to, by the exporter's names."""
        return {str(one["data"]["baseType"]) for one in self.envelopes}

    def traces(self) -> list[Trace]:
        """All log records, in the order in which they came."""
        return [
            Trace(
                message=str(data["message"]),
                severity=str(data.get("severityLevel")),
                properties=data.get("properties") or {},
                operation=str(envelope["tags"].get("ai.operation.id", "")),
            )
            for envelope, data in self._of("MessageData")
        ]

    def metrics(self) -> list[Measured]:
        """All values of metrics, the SDK's own performance counters among them."""
        return [
            Measured(
                name=str(metric["name"]),
                value=float(metric["value"]),
                count=int(metric.get("count") or 1),
                properties=data.get("properties") or {},
            )
            for _, data in self._of("MetricData")
            for metric in data["metrics"]
        ]

    def _of(self, kind: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        for envelope in self.envelopes:
            if envelope["data"]["baseType"] == kind:
                yield envelope, envelope["data"]["baseData"]
