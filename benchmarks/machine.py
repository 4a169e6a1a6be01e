"""What a figure was measured on: date, commit, cores, CPU, memory, Python and operating system.

It names no host, no user and no path, so that the line may stand in a public page.
"""

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parent.parent

WRITTEN = (":!docs/measurements.md", ":!docs/pictures")
"""What the measurements themselves write: a tree is not another one for that."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where and when something was measured.

    `date`: the day (UTC) as `23 November 2026`. `commit`: short, `ec85c03`, and ` with changes` after it if
    the tree has others than measurements; `an unknown commit` outside of a clone. `memory`: GB, in full.
    """

    date: str
    commit: str
    cores: int
    cpu: str
    memory: int
    python: str
    os: str


def about() -> Machine:
    """This machine, this tree, today. What can't be found out is said to be unknown; raises nothing."""
    now = datetime.now(UTC)
    return Machine(
        date=f"{now.day} {now:%B %Y}",
        commit=_commit(),
        cores=os.process_cpu_count() or 1,
        cpu=_cpu(),
        memory=round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30),
        python=platform.python_version(),
        os=_os(),
    )


def described(machine: Machine) -> str:
    """The machine as one line of markdown, without a full stop at its end."""
    cores = "1 core" if machine.cores == 1 else f"{machine.cores} cores"
    return (
        f"{machine.date} at {machine.commit}, on {cores} of {machine.cpu} with {machine.memory} GB, "
        f"{machine.os}, Python {machine.python}"
    )


def headed(command: str, seconds: float, machine: Machine) -> str:
    """The first line of a section of measurements: the command, how long it took, when and where."""
    return f"`{command}` took {lasted(seconds)}: {described(machine)}."


def lasted(seconds: float) -> str:
    """A time for people: `45 s`, `7 min 30 s`, `1 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def _commit() -> str:
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "--", ".", *WRITTEN)
    except (OSError, subprocess.CalledProcessError):
        return "an unknown commit"
    return f"{commit} with changes" if changed else commit


def _git(*arguments: str) -> str:
    told = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return told.stdout.strip()


def _cpu() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    name = found[1] if found else platform.processor() or platform.machine() or "an unknown CPU"
    return _plain(re.sub(r"\((?:R|TM)\)|\bCPU\b", " ", name, flags=re.IGNORECASE))


def _os() -> str:
    try:
        return _plain(platform.freedesktop_os_release()["PRETTY_NAME"])
    except (OSError, KeyError):
        return _plain(f"{platform.system()} {platform.release()}")


def _plain(text: str) -> str:
    """One line that markdown shows as it is."""
    return " ".join(re.sub(r"[|`*_<>\[\]\\]", " ", text).split())
