"""Index an app with Microsoft's Python runtime and invoke its functions, in this process.

One app at a time: the runtime's function registry and thread pool belong to the process, and a second live
app would silently answer for the first.
"""

import contextlib
import importlib
import json
import logging
import re
import sys
import traceback
import types
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import azure_functions_runtime as microsoft
from azure_functions_runtime.bindings.datumdef import Datum
from azure_functions_runtime.native_invocation import invocation_request_native

from sandbox.host import triggers
from sandbox.host.errors import AppFailure, HostError
from sandbox.host.protos import Protos

SCRIPT = "function_app"
# May lie in the app's directory without belonging to the app: whoever runs it here, and must stay imported.
NOT_THE_APP = frozenset({"sandbox", "tests"})

log = logging.getLogger("sandbox.host")


@dataclass(frozen=True)
class Retry:
    """A function's retry policy (the Azure host honours it for timers, not for queues or HTTP); seconds."""

    strategy: str
    count: int
    delay: float = 0.0
    shortest: float = 0.0
    longest: float = 0.0


@dataclass(frozen=True)
class Function:
    """One indexed function with its raw bindings, as the Azure host would get them."""

    name: str
    function_id: str
    bindings: tuple[Mapping[str, Any], ...]
    retry: Retry | None = None

    @property
    def trigger(self) -> Mapping[str, Any]:
        """The binding that starts this function."""
        return next(binding for binding in self.bindings if str(binding["type"]).endswith("Trigger"))

    @property
    def outputs(self) -> tuple[Mapping[str, Any], ...]:
        """Output bindings, without the HTTP answer."""
        return tuple(b for b in self.bindings if b["direction"] == "OUT" and b["type"] != "http")


@dataclass(frozen=True)
class Outcome:
    """How an invocation ended. `outputs` is what the function set on its output bindings, not yet written.

    A failed invocation has no outputs: the runtime returns none then.
    """

    ok: bool
    returned: Datum | None = None
    outputs: Mapping[str, list[str]] = field(default_factory=dict)
    error: str | None = None
    trace: str | None = None


@dataclass(frozen=True)
class HttpAnswer:
    """What an HTTP function answered, and what it set on its output bindings. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    outputs: Mapping[str, list[str]]
    error: str | None = None


_live: "IndexedApp | None" = None


class IndexedApp:
    """An app indexed by Microsoft's runtime: `async with IndexedApp(app_dir) as app`.

    Entering raises AppFailure when the app can't be imported or indexed, HostError when another app is still
    live. On leaving, what the app imported from its directory is forgotten, so that the next one reads its
    settings anew.
    """

    def __init__(self, app_dir: Path) -> None:
        self.app_dir = app_dir.resolve()
        self.functions: tuple[Function, ...] = ()
        self._before: frozenset[str] = frozenset()

    async def __aenter__(self) -> Self:
        global _live
        if _live is not None:
            raise HostError(f"the app in {_live.app_dir} is still live: one app to a process")
        if not (self.app_dir / f"{SCRIPT}.py").is_file():
            raise AppFailure(f"{self.app_dir} holds no {SCRIPT}.py, so there is no app to run")
        _live = self
        sys.modules.pop(SCRIPT, None)
        self._before = frozenset(sys.modules)
        sys.path.insert(0, str(self.app_dir))
        importlib.invalidate_caches()
        try:
            microsoft.start_threadpool_executor()
            self.functions = await self._index()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop the runtime's threads and forget the app's modules; safe to call again."""
        global _live
        if _live is not self:
            return
        _live = None
        microsoft.stop_threadpool_executor()
        with contextlib.suppress(ValueError):
            sys.path.remove(str(self.app_dir))
        for name, module in list(sys.modules.items()):
            is_new = name not in self._before and name.partition(".")[0] not in NOT_THE_APP
            if is_new and self._is_ours(getattr(module, "__file__", None)):
                del sys.modules[name]

    def function(self, name: str) -> Function:
        """The function of that name. Raises HostError naming those that exist."""
        for function in self.functions:
            if function.name == name:
                return function
        known = ", ".join(sorted(f.name for f in self.functions))
        raise HostError(f"the app has no function {name!r}; it has: {known}")

    async def invoke(
        self,
        function: Function,
        datum: Datum,
        metadata: Mapping[str, Datum],
        invocation_id: str | None = None,
        *,
        read: Mapping[str, Datum] | None = None,
    ) -> Outcome:
        """Invoke a function natively with its trigger's datum; an exception becomes its Outcome.

        `read`: what its input bindings hold, by name; reading it is the caller's business.
        """
        identity = invocation_id or str(uuid.uuid4())
        inputs = [(str(function.trigger["name"]), datum), *(read or {}).items()]
        ok, returned, outputs, error, trace = await invocation_request_native(
            identity, function.function_id, inputs, dict(metadata)
        )
        texts = {name: triggers.texts(value) for name, value in outputs if value.type != "http"}
        answers = [value for _, value in outputs if value.type == "http"]
        return Outcome(bool(ok), answers[0] if answers else returned, texts, error, trace)

    async def http(
        self,
        name: str,
        *,
        method: str = "GET",
        url: str = "http://127.0.0.1/",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        params: Mapping[str, str] | None = None,
    ) -> HttpAnswer:
        """Invoke an HTTP function; the query is taken from `url`, `params` are the route's.

        An exception of the app gives status 500 with the error's text. Outputs are returned, not written.
        """
        datum = triggers.http_datum(method, url, headers or {}, params or {}, body)
        outcome = await self.invoke(self.function(name), datum, {})
        status, answered, content = triggers.http_answer(outcome.ok, outcome.returned)
        return HttpAnswer(status, dict(answered), content, outcome.outputs, outcome.error)

    async def queue(self, name: str, text: str, *, dequeue_count: int = 1) -> Outcome:
        """Invoke a queue function with a message's text."""
        datum, metadata = triggers.queue_data(triggers.made_up_message(text, dequeue_count))
        return await self.invoke(self.function(name), datum, metadata)

    async def timer(self, name: str, *, past_due: bool = False) -> Outcome:
        """Invoke a timer function now."""
        return await self.invoke(self.function(name), triggers.timer_datum(past_due), {})

    async def _index(self) -> tuple[Function, ...]:
        request = _namespace(
            request=_namespace(
                worker_init_request=_namespace(capabilities={}, function_app_directory=str(self.app_dir))
            ),
            properties={"protos": Protos("protos"), "host": "127.0.0.1"},
        )
        try:
            answer = await microsoft.worker_init_request(request)
        except SystemExit as leaving:
            raise AppFailure(
                f"importing the app ended the process: SystemExit: {leaving}", trace=traceback.format_exc()
            ) from leaving
        if answer.result.status != Protos.StatusResult.Success:
            failure = answer.result.exception
            raise AppFailure(failure.message, self._where(failure.stack_trace), failure.stack_trace)
        found = (
            await microsoft.functions_metadata_request(_namespace(request=_namespace()))
        ).function_metadata_results
        return tuple(
            Function(
                name=entry.name,
                function_id=entry.function_id,
                bindings=tuple(json.loads(raw) for raw in entry.raw_bindings),
                retry=_retry(entry.retry_options),
            )
            for entry in found or ()
        )

    def _where(self, trace: str) -> str:
        """File and line of the app nearest to where the failure was raised."""
        frames = re.findall(r'File "([^"]+)", line (\d+)', trace)
        for file, line in reversed(frames):
            if self._is_ours(file):
                return f"{Path(file).resolve().relative_to(self.app_dir)}, line {line}"
        return ""

    def _is_ours(self, file: str | None) -> bool:
        if not file or file.startswith("<"):  # frozen into Python, or made of text
            return False
        path = Path(file).resolve()
        return path.is_relative_to(self.app_dir) and "site-packages" not in path.parts


async def listing(app_dir: Path) -> list[dict[str, Any]]:
    """Index an app and list its functions: name and raw bindings, as the Azure host would get them."""
    async with IndexedApp(app_dir) as app:
        return [{"name": f.name, "bindings": [dict(b) for b in f.bindings]} for f in app.functions]


def _namespace(**fields: Any) -> types.SimpleNamespace:
    return types.SimpleNamespace(**fields)


def _retry(options: Any) -> Retry | None:
    if options is None:
        return None
    seconds = {
        name: getattr(options, name).total_seconds()
        for name in ("delay_interval", "minimum_interval", "maximum_interval")
        if hasattr(options, name)
    }
    return Retry(
        strategy=str(options.retry_strategy),
        count=int(options.max_retry_count),
        delay=seconds.get("delay_interval", 0.0),
        shortest=seconds.get("minimum_interval", 0.0),
        longest=seconds.get("maximum_interval", 0.0),
    )
