"""Other processes, and what they use: CPU seconds and the most memory, as Linux counts them."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_TICKS = os.sysconf("SC_CLK_TCK")
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")


class Failed(Exception):
    """A process of a benchmark ended badly; the message has its own words."""


async def answer_of(arguments: list[str], environment: Mapping[str, str] | None = None) -> str:
    """What a Python process of ours prints, run in the repository with that environment and little else.

    Raises `Failed`.
    """
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=ROOT,
        env={**inherited, **(environment or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        told, said = await process.communicate()
    except BaseException:
        if process.returncode is None:
            process.kill()
        raise
    if process.returncode:
        raise Failed(f"{' '.join(arguments)[:200]} ended with {process.returncode}:\n{said.decode()}")
    return told.decode()


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, in user and system mode (proc(5), /proc/pid/stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def most_memory(pid: int) -> float:
    """The most memory that a process ever held at once, in MB (proc(5), VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "VmHWM":
            return int(value.split()[0]) / 1024
    raise Failed(f"process {pid} has no VmHWM")
