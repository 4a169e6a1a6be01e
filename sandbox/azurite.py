"""Azurite, Microsoft's storage emulator, started for a demo or a test run and stopped for certain.

Azurite comes from npm (`package.json` beside this file pins it); blobs, queues and tables listen on loopback.
"""

import asyncio
import atexit
import collections
import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Self

HERE = Path(__file__).resolve().parent
SCRIPT = HERE / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
GUARD = HERE / "azurite_guard.cjs"
OLDEST_NODE = 18

# Azurite's documented account: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
WELL_KNOWN_ACCOUNT = "devstoreaccount1"
WELL_KNOWN_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
SPARE_KEY = "c3BhcmU="

SERVICES = ("Blob", "Queue", "Table")
# The queue service of some versions says "listens on" where the others say "listening at".
LISTENING = re.compile(
    r"Azurite (Blob|Queue|Table) service.*(?:listening at|listens on) https?://[^:\s]+:(\d+)"
)
START_SECONDS = 60.0
STOP_SECONDS = 5.0


class AzuriteError(Exception):
    """Azurite can't be started; the message says what is missing or taken and how to mend it."""


class Azurite:
    """One Azurite, as `with Azurite() as a:` or `async with Azurite() as a:`.

    Ports of 0 let the system choose. Without `folder` everything is kept in memory and gone at the end.
    `spare_accounts` adds that many empty storage accounts, handed out by `new_account()`: one for each test
    keeps tests from seeing each other's blobs, queues and timer state.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        blob_port: int = 0,
        queue_port: int = 0,
        table_port: int = 0,
        spare_accounts: int = 0,
    ) -> None:
        self.folder = folder
        self._wanted = {"Blob": blob_port, "Queue": queue_port, "Table": table_port}
        self.ports: dict[str, int] = {}
        self._spares = [f"spare{n:05d}" for n in range(spare_accounts)]
        self._unused: Iterator[str] = iter(self._spares)
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._said: collections.deque[str] = collections.deque(maxlen=40)
        self._ready = threading.Event()

    @property
    def connection_string(self) -> str:
        """Connection string of Azurite's well-known account."""
        return self._connection(WELL_KNOWN_ACCOUNT, WELL_KNOWN_KEY)

    @property
    def pid(self) -> int:
        """Process id of the running Azurite. Raises AzuriteError when it isn't running."""
        if self._process is None:
            raise AzuriteError("Azurite isn't running")
        return self._process.pid

    def new_account(self) -> str:
        """Connection string of an empty account that nobody got before.

        Raises AzuriteError when all are in use.
        """
        name = next(self._unused, None)
        if name is None:
            raise AzuriteError(
                f"all {len(self._spares)} spare storage accounts are in use: raise `spare_accounts` where "
                "Azurite is started"
            )
        return self._connection(name, SPARE_KEY)

    def start(self) -> Self:
        """Start Azurite and wait until all three services listen.

        Raises AzuriteError when Node or the npm package is missing, a port is taken or it isn't up in time.
        """
        command = [_node(), "--require", str(GUARD), _script(), *self._options()]
        self._process = subprocess.Popen(
            command,
            cwd=self.folder or HERE,
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A Ctrl-C in the terminal is ours to handle: whoever uses the storage has to stop first.
            start_new_session=True,
        )
        atexit.register(self.stop)
        assert self._process.stdout is not None  # noqa: S101 - PIPE was asked for two lines above
        self._reader = threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True)
        self._reader.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._ready.wait(0.05):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._reader.join(1)
                raise self._failure()
        return self

    def stop(self) -> None:
        """Stop Azurite and everything that it started; safe to call again."""
        atexit.unregister(self.stop)
        process, self._process = self._process, None
        if process is None:
            return
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal_number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
                break
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Not in a thread: a cancelled task must not leave without having stopped Azurite.
        self.stop()

    def _options(self) -> list[str]:
        options = ["--skipApiVersionCheck", "--disableTelemetry"]
        for service, port in self._wanted.items():
            options += [f"--{service.lower()}Host", "127.0.0.1", f"--{service.lower()}Port", str(port)]
        if self.folder is None:
            return [*options, "--inMemoryPersistence"]
        self.folder.mkdir(parents=True, exist_ok=True)
        return [*options, "--location", str(self.folder)]

    def _environment(self) -> dict[str, str]:
        environment = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ
        }
        accounts = [
            f"{WELL_KNOWN_ACCOUNT}:{WELL_KNOWN_KEY}",
            *(f"{name}:{SPARE_KEY}" for name in self._spares),
        ]
        return environment | {"AZURITE_ACCOUNTS": ";".join(accounts)}

    def _connection(self, account: str, key: str) -> str:
        endpoints = "".join(
            f"{service}Endpoint=http://127.0.0.1:{self.ports[service]}/{account};" for service in SERVICES
        )
        return f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};{endpoints}"

    def _listen(self, stdout: IO[bytes]) -> None:
        """Read what Azurite says until it ends: with its access log unread it would stop in its tracks."""
        with contextlib.suppress(ValueError, OSError):  # closed under our hands by stop()
            for raw in stdout:
                if self._ready.is_set():
                    continue
                line = raw.decode("utf-8", "replace").rstrip()
                self._said.append(line)
                if found := LISTENING.search(line):
                    self.ports[found[1]] = int(found[2])
                    if len(self.ports) == len(SERVICES):
                        self._ready.set()

    def _failure(self) -> AzuriteError:
        said = "\n".join(self._said)
        if taken := re.search(r"EADDRINUSE[^\n]*?:(\d+)", said):
            return AzuriteError(
                f"port {taken[1]} on 127.0.0.1 is taken, so Azurite can't listen there: stop what uses it or "
                "choose other ports (0 lets the system choose)"
            )
        return AzuriteError(
            f"Azurite didn't start within {START_SECONDS:.0f} s; it said:\n{said or '(nothing)'}"
        )


def _node() -> str:
    node = shutil.which("node")
    if node is None:
        raise AzuriteError(
            f"Node.js is missing and Azurite needs it: install Node {OLDEST_NODE} or newer (`apt-get install "
            "nodejs npm` where the distribution has it, else from nodejs.org), then run `make setup`"
        )
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    found = re.match(r"v(\d+)", answer)
    if found is None or int(found[1]) < OLDEST_NODE:
        raise AzuriteError(
            f"Node.js {answer or '(unknown version)'} is too old: Azurite needs {OLDEST_NODE} or newer; "
            "install that, then run `make setup`"
        )
    return node


def _script() -> str:
    if not SCRIPT.is_file():
        raise AzuriteError(
            f"Azurite isn't installed in {HERE}: run `make setup`, which does `npm ci` there (needs npm: "
            "`apt-get install nodejs npm`)"
        )
    return str(SCRIPT)
