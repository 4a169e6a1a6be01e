"""What `python -m sandbox host` does: run an app, run it split as Flex Consumption does, list its functions.

Each returns the process's exit code: 0, or 1 with the reason on standard error.
"""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from sandbox.host.errors import AppFailure, HostError
from sandbox.host.event_grid import FORWARD, TRIGGER
from sandbox.host.live import LEASE_SECONDS, LiveHost
from sandbox.host.process import HostProcess
from sandbox.host.runtime import listing

READY = "HOST READY"
WORKER = "HOST WORKER"

log = logging.getLogger("sandbox.host")


def run(
    app_dir: Path,
    port: int = 7071,
    only: set[str] | None = None,
    *,
    lease: int = LEASE_SECONDS,
    stop_with_stdin: bool = False,
    ready_fd: int | None = None,
    traceback: bool = False,
) -> int:
    """Run the app until SIGTERM or SIGINT; prints `HOST READY <url>` once everything is listening.

    `only` names the functions to run (all if None). `lease` is how many seconds a queue message stays hidden
    if this process dies over it. With `stop_with_stdin` the end of standard input stops the host too:
    whoever started it is gone then. With `ready_fd` the URL goes to that file descriptor instead.
    `traceback` shows where in the app a failed start was raised.
    """
    _set_up_logging()
    app_dir = app_dir.resolve()
    if app_dir.is_dir():
        os.chdir(app_dir)  # where the Azure worker runs
    return _guarded(_run(app_dir, port, only, lease, stop_with_stdin, ready_fd), traceback)


def run_split(
    app_dir: Path,
    port: int = 7071,
    *,
    lease: int = LEASE_SECONDS,
    stop_with_stdin: bool = False,
    ready_fd: int | None = None,
    replace: bool = False,
) -> int:
    """Run the app as Flex Consumption does: HTTP, the timers and each queue function in their own processes.

    Prints `HOST WORKER <name> <pid> <url>` for each and `HOST READY <url>` (that of HTTP) when all listen. A
    process that ends by itself ends the whole with 1; with `replace` another takes its place, as the platform
    sees to, and is printed likewise.
    """
    _set_up_logging()
    return _guarded(_run_split(app_dir.resolve(), port, lease, stop_with_stdin, ready_fd, replace), False)


def print_listing(app_dir: Path, *, traceback: bool = False) -> int:
    """Print the app's functions with their raw bindings as one JSON line."""
    return _guarded(_print_listing(app_dir.resolve()), traceback)


async def _run(
    app_dir: Path, port: int, only: set[str] | None, lease: int, stop_with_stdin: bool, ready_fd: int | None
) -> None:
    stop = _stop_event(stop_with_stdin)
    async with LiveHost(app_dir, port, only, lease=lease) as host:
        _tell_ready(host.url, ready_fd)
        await _first(stop.wait(), host.ended())


async def _run_split(
    app_dir: Path, port: int, lease: int, stop_with_stdin: bool, ready_fd: int | None, replace: bool
) -> None:
    stop = _stop_event(stop_with_stdin)
    listed = await listing(app_dir)
    groups = scale_groups(listed)
    by_event = {function["name"] for function in listed if _kinds(function) & {TRIGGER}}
    workers: dict[str, HostProcess] = {}

    def made(name: str, elsewhere: Mapping[str, str]) -> HostProcess:
        return HostProcess(
            app_dir,
            {**os.environ, FORWARD: json.dumps(elsewhere)},
            port=port if name == "http" else 0,
            only=groups[name],
            lease=lease,
            inherit_output=True,
        )

    try:
        workers |= {name: made(name, {}) for name in groups if name != "http" or not by_event}
        await asyncio.gather(*(worker.start() for worker in workers.values()))
        if "http" in groups.keys() - workers.keys():
            # The front passes events on, so it comes last: it must know where to.
            workers["http"] = made("http", {name: workers[name].url for name in sorted(by_event)})
            await workers["http"].start()
        for name, worker in workers.items():
            _tell_worker(name, worker)
        front = workers.get("http") or next(iter(workers.values()))
        _tell_ready(front.url, ready_fd)
        if replace and by_event:
            raise HostError("a process can't be replaced where the front passes events on to its address")
        if replace:
            await _first(stop.wait(), *(_replaced(name, workers, made) for name in workers))
        await _first(stop.wait(), *(_died(name, worker) for name, worker in workers.items()))
    finally:
        await asyncio.gather(*(worker.stop() for worker in workers.values()))


def scale_groups(functions: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Functions that share a process on Flex Consumption, by the name of their group."""
    groups: dict[str, set[str]] = {}
    for function in functions:
        kinds = _kinds(function)
        group = (
            "http" if "httpTrigger" in kinds else "timers" if "timerTrigger" in kinds else function["name"]
        )
        groups.setdefault(group, set()).add(function["name"])
    return groups


def _kinds(function: Mapping[str, Any]) -> set[str]:
    return {binding["type"] for binding in function["bindings"]}


async def _print_listing(app_dir: Path) -> None:
    # Only the list may go to standard output: what the app prints while it is imported goes to the other.
    out, sys.stdout = sys.stdout, sys.stderr
    try:
        found = await listing(app_dir)
    finally:
        sys.stdout = out
    print(json.dumps(found), flush=True)


async def _died(name: str, worker: HostProcess) -> None:
    raise HostError(f"the process for {name} ended by itself with {await worker.ended()}")


async def _replaced(
    name: str, workers: dict[str, HostProcess], made: Callable[[str, Mapping[str, str]], HostProcess]
) -> None:
    """Start another process whenever this one has ended, until cancelled."""
    while True:
        code = await workers[name].ended()
        log.warning("The process for %s ended by itself with %d: another takes its place", name, code)
        workers[name] = made(name, {})
        await workers[name].start()
        _tell_worker(name, workers[name])


def _tell_worker(name: str, worker: HostProcess) -> None:
    print(f"{WORKER} {name} {worker.pid} {worker.url}", flush=True)


def _tell_ready(url: str, ready_fd: int | None) -> None:
    if ready_fd is None:
        print(f"{READY} {url}", flush=True)
        return
    with os.fdopen(ready_fd, "w", encoding="utf-8") as told:
        told.write(f"{url}\n")


async def _first(*waiting: Coroutine[Any, Any, object]) -> None:
    """Wait for the first of several to end; raise what it raised."""
    tasks = [asyncio.create_task(each) for each in waiting]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _stop_event(stop_with_stdin: bool) -> asyncio.Event:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if stop_with_stdin:

        def read() -> None:
            if not os.read(0, 4096):
                loop.remove_reader(0)
                stop.set()

        loop.add_reader(0, read)
    return stop


def _guarded(running: Coroutine[Any, Any, None], traceback: bool) -> int:
    try:
        asyncio.run(running)
    except AppFailure as failure:
        print(f"The app couldn't be started.\n{failure.message}", file=sys.stderr)
        if failure.where:
            print(f"Raised at {failure.where}.", file=sys.stderr)
        if traceback and failure.trace:
            print(failure.trace, file=sys.stderr)
        return 1
    except HostError as error:
        print(f"The host can't run: {error}", file=sys.stderr)
        return 1
    return 0


def _set_up_logging() -> None:
    """The runtime sets up no logging of its own, and without a handler everything below WARNING is lost."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    )
    # One line for each storage request would drown the rest. Not "azure": the runtime itself logs as
    # azure.functions.
    logging.getLogger("azure.core.pipeline.policies.http_logging_policy").setLevel(logging.WARNING)
    # The runtime tells its whole index as one line of JSON, longer than a screen; LiveHost names what it
    # serves.
    logging.getLogger("azure.functions").addFilter(
        lambda record: not record.getMessage().startswith('{"message": "Successfully indexed')
    )
