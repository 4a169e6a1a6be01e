"""Invocations as the host makes them: log lines around them, the time limit, outputs only after success."""

import asyncio
import logging
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace

from azure.core.exceptions import AzureError
from azure_functions_runtime.bindings.datumdef import Datum

from sandbox.host import appsettings
from sandbox.host.errors import HostError, OutputError
from sandbox.host.runtime import Function, IndexedApp, Outcome
from sandbox.host.storage import LONGEST_MESSAGE, Connections, Wake, encode, send

log = logging.getLogger("sandbox.host")


@dataclass(frozen=True)
class QueueOutput:
    """Where one output binding of a function writes."""

    argument: str
    queue: str
    connection: str


class Invoker:
    """Invokes functions and writes what they set on their queue outputs."""

    def __init__(
        self,
        app: IndexedApp,
        connections: Connections,
        environ: Mapping[str, str],
        *,
        base64: bool,
        timeout: float,
        wake: Wake,
    ) -> None:
        self._app = app
        self._connections = connections
        self._environ = environ
        self._base64 = base64
        self._timeout = timeout
        self._wake = wake

    def check(self, function: Function) -> None:
        """Raises HostError when the function has an output that can't be written here."""
        for output in self._outputs(function):
            self._connections.queue(
                output.connection, output.queue, f"{function.name}, output {output.argument}"
            )

    async def invoke(
        self, function: Function, reason: str, datum: Datum, metadata: Mapping[str, Datum]
    ) -> Outcome:
        """Invoke, then write the outputs; one that can't be written makes it a failed invocation."""
        invocation = str(uuid.uuid4())
        log.info("Executing 'Functions.%s' (Reason='%s', Id=%s)", function.name, reason, invocation)
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                outcome = await self._app.invoke(function, datum, metadata, invocation)
            if outcome.ok:
                await self._write(function, outcome)
        except TimeoutError:
            outcome = Outcome(
                False, error=f"the function took longer than functionTimeout ({self._timeout:g} s)"
            )
        except OutputError as error:
            log.error("Output of 'Functions.%s' (Id=%s): %s", function.name, invocation, error)
            outcome = replace(outcome, ok=False, outputs={}, error=str(error))
        word = "Succeeded" if outcome.ok else "Failed"
        took = (time.monotonic() - started) * 1000
        log.info(
            "Executed 'Functions.%s' (%s, Id=%s, Duration=%.0fms)", function.name, word, invocation, took
        )
        return outcome

    async def _write(self, function: Function, outcome: Outcome) -> None:
        """Write all outputs at once. Raises OutputError when any fails; others may have been written."""
        writes = []
        for output in self._outputs(function):
            queue = self._connections.queue(output.connection, output.queue, function.name)
            for text in outcome.outputs.get(output.argument, []):
                stored = encode(text, self._base64)
                if len(stored.encode("utf-8")) > LONGEST_MESSAGE:
                    raise OutputError(
                        f"a message for {output.queue} is longer than {LONGEST_MESSAGE} bytes as stored"
                    )
                writes.append((output.queue, send(queue, stored)))
        results = await asyncio.gather(*(write for _, write in writes), return_exceptions=True)
        for (queue_name, _), result in zip(writes, results, strict=True):
            if isinstance(result, AzureError | OSError | TimeoutError):
                raise OutputError(f"queue {queue_name} can't be written: {type(result).__name__}")
            if isinstance(result, BaseException):
                raise result
            self._wake(queue_name)

    def _outputs(self, function: Function) -> list[QueueOutput]:
        found = []
        for binding in function.outputs:
            if binding["type"] != "queue":
                raise HostError(
                    f"{function.name} writes to a {binding['type']}, which this host can't: queues only"
                )
            what = f"queueName of an output of {function.name}"
            name = appsettings.resolve(str(binding["queueName"]), self._environ, what)
            found.append(QueueOutput(str(binding["name"]), name, str(binding.get("connection") or "")))
        return found
