"""`python -m admin audit` in a process of its own, against a simulated tenant, after an `az login`."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterable
from pathlib import Path

from sandbox.graph.identity import AZURE_CLI_SCOPES
from sandbox.graph.server import Running
from tests.admin.shell import ROOT, Answer
from tests.audit.people import install_az


class Auditor:
    """Runs the command in a folder of its own, which is left to be looked into."""

    def __init__(self, place: Path, running: Running, scopes: Iterable[str] = AZURE_CLI_SCOPES) -> None:
        self.place = place / "here"
        self.place.mkdir()
        self.bin = install_az(place / "bin", running, scopes)
        self._graph = running.graph_url

    async def start(self, *arguments: str, **environ: str) -> Process:
        """Begin."""
        inherited = {name: os.environ[name] for name in ("HOME",) if name in os.environ}
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "admin", "audit", *arguments),
            stdout=PIPE,
            stderr=PIPE,
            cwd=self.place,
            env={
                **inherited,
                "PATH": f"{self.bin}:/usr/bin:/bin",
                "PYTHONPATH": str(ROOT),
                "GRAPH_BASE_URL": self._graph,
                **environ,
            },
        )

    async def run(self, *arguments: str, **environ: str) -> Answer:
        """What it printed, and its exit code."""
        process = await self.start(*arguments, **environ)
        out, err = await asyncio.wait_for(process.communicate(), 120)
        assert process.returncode is not None
        return Answer(process.returncode, out.decode(), err.decode())

    @property
    def left(self) -> set[str]:
        """What lies in the folder, below folders too."""
        return {str(one.relative_to(self.place)) for one in self.place.rglob("*")}
