"""A Functions host as a process of its own, for demos and for tests that stop or kill it."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from sandbox import packaged
from sandbox.host.errors import HostError

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 90.0
# A little more than the host itself gives its functions to end.
STOP_SECONDS = 20.0

# What a process needs from ours besides the app's own settings. Nothing else is passed on, so that a setting
# of the developer's shell can't change what a demo or a test does.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "SYSTEMROOT")


class HostProcess:
    """One Functions host: `async with HostProcess(app_dir, env) as host`, then `host.url`.

    `env` holds the app's settings; of this process's environment only what Python itself needs is passed on.
    Entering waits until the host listens and raises HostError with the host's own words when it doesn't
    start. A package (`make package`) runs with what it brings and nothing that is installed here. The host
    ends with this process, whatever happens to it. `split`: it is several processes, as Flex Consumption has
    it; `replace`: where one of these dies another is started. `log_path` keeps all that it says, unless
    `inherit_output` sends that where our own output goes.
    """

    def __init__(
        self,
        app_dir: Path,
        env: Mapping[str, str],
        port: int = 0,
        only: Collection[str] | None = None,
        *,
        split: bool = False,
        replace: bool = False,
        lease: int | None = None,
        log_path: Path | None = None,
        inherit_output: bool = False,
    ) -> None:
        self._command = [*_command(app_dir), "--port", str(port), "--stop-with-stdin"]
        self._command += [part for name in sorted(only or ()) for part in ("--only", name)]
        self._command += ["--split"] if split else []
        self._command += ["--replace"] if replace else []
        self._command += ["--lease", str(lease)] if lease is not None else []
        self._env = _environment(env)
        self._log_path = log_path
        self._log_is_ours = log_path is None and not inherit_output
        self._last_words = ""
        self._inherit_output = inherit_output
        self._process: asyncio.subprocess.Process | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """Base address of the HTTP routes, without the route prefix."""
        return self._url

    @property
    def pid(self) -> int:
        """Process id. Raises HostError when the host wasn't started."""
        return self._running().pid

    @property
    def returncode(self) -> int | None:
        """Exit code once ended (negative: the signal that ended it), else None."""
        return self._running().returncode

    @property
    def log_path(self) -> Path:
        """The file with everything that the host printed and logged. Raises HostError when there is none."""
        if self._log_path is None:
            raise HostError("there is no log: the host wasn't started or writes where this process writes")
        return self._log_path

    def log_text(self) -> str:
        """All that the host has said so far; empty if that goes where our own output goes."""
        if self._log_path is None or not self._log_path.exists():
            return self._last_words
        return self._log_path.read_text("utf-8", "replace")

    async def start(self) -> None:
        """Start the host and wait until it listens. Raises HostError with its own words when it doesn't."""
        told, tell = os.pipe()
        try:
            self._process = await self._spawn(tell)
        except BaseException:
            os.close(told)
            raise
        finally:
            os.close(tell)
        # Ends with the line, or with nothing once the host is gone, which kill() makes sure of.
        line = asyncio.get_running_loop().run_in_executor(None, _line, told)
        try:
            async with asyncio.timeout(START_SECONDS):
                self._url = (await asyncio.shield(line)).strip()
        except TimeoutError:
            await self.kill()
            self._remove_log()
            raise HostError(f"the host wasn't ready in {START_SECONDS:.0f} s:\n{self._words()}") from None
        except BaseException:
            await self.kill()
            self._remove_log()
            raise
        if not self._url:
            await self._process.wait()
            self._remove_log()
            raise HostError(f"the host ended with {await self._process.wait()}:\n{self._words()}")

    async def _spawn(self, tell: int) -> asyncio.subprocess.Process:
        with contextlib.ExitStack() as stack:
            output = None if self._inherit_output else stack.enter_context(self._open_log())
            return await asyncio.create_subprocess_exec(
                *self._command,
                "--ready-fd",
                str(tell),
                cwd=ROOT,
                env=self._env,
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
                pass_fds=(tell,),
                # A Ctrl-C in the terminal reaches only us; we stop the host in our own order.
                start_new_session=True,
            )

    def _open_log(self) -> IO[bytes]:
        if self._log_path is None:
            handle, name = tempfile.mkstemp(prefix="host-", suffix=".log")
            os.close(handle)
            self._log_path = Path(name)
        # A host that takes another's place goes on in the same log.
        return self._log_path.open("ab")

    def _words(self) -> str:
        return self.log_text().strip() or "(see its output)"

    async def stop(self) -> int:
        """Ask the host to stop and wait; kill it if it doesn't. Gives its exit code. Safe to call again."""
        if self._process is None:
            return 0
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await self._process.wait()
            except TimeoutError:
                await self.kill()
        return await self._process.wait()

    async def kill(self) -> None:
        """Kill the host at once (SIGKILL) and wait until it is gone. Safe to call again."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def ended(self) -> int:
        """Wait until the host ends, whatever ends it; gives its exit code."""
        return await self._running().wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        self._remove_log()

    def _remove_log(self) -> None:
        """Remove a log that nobody asked to keep; `log_text()` still gives it."""
        if self._log_is_ours and self._log_path is not None:
            self._last_words = self.log_text()
            self._log_path.unlink(missing_ok=True)

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise HostError("the host wasn't started")
        return self._process


def _line(told: int) -> str:
    with os.fdopen(told, "rb") as pipe:
        return pipe.readline().decode("utf-8")


async def functions(app_dir: Path, env: Mapping[str, str]) -> list[dict[str, Any]]:
    """Functions of an app with their raw bindings, indexed in a process of its own under the settings `env`.

    Raises HostError with the app's own words when it can't be indexed.
    """
    process = await asyncio.create_subprocess_exec(
        *_command(app_dir),
        "--list",
        cwd=ROOT,
        env=_environment(env),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    if process.returncode != 0:
        raise HostError(err.decode("utf-8", "replace").strip())
    found: list[dict[str, Any]] = json.loads(out.decode("utf-8").splitlines()[-1])
    return found


def _command(app_dir: Path) -> list[str]:
    if packaged.is_package(app_dir):
        return packaged.command(app_dir)
    return [sys.executable, "-m", "sandbox.host", "--app", str(app_dir.resolve())]


def _environment(env: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return inherited | {"PYTHONUNBUFFERED": "1"} | dict(env)
