"""What the product was seen to ask of Graph, over every simulator of every process that takes part in a run.

Each call of the product's own session is noted by its name in a folder, one file a process; a call that
something else makes (a test that asks the simulator by itself, a sample of the typed SDK) is not. The table
of permissions is held against it: `python -m tools.graph_calls`.
"""

import os
from pathlib import Path
from typing import Any

from sandbox.graph.permissions import match
from shared.graph.session import PRODUCT

FOLDER = "SANDBOX_GRAPH_CALLS"
"""The environment variable that names the folder. Without it nothing is noted."""

SUBSCRIBED = "subscription"
"""The word before a resource that the product subscribed to, beside the call itself."""

_BATCH = "POST /$batch"


class Seen:
    """The names that this process has noted, each written once. Never raises for want of a folder."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._noted: set[str] = set()

    def note(self, method: str, path: str, body: Any, agent: str) -> None:
        """Note a call, or an item of a batch, if the product makes it. `agent`: the `User-Agent` it has."""
        if self._folder is None or PRODUCT not in agent.split():
            return
        found = match(method, path)
        # `$count` and the like stand where an id may, and are calls of their own.
        if found is None or any(one.startswith("$") for one in found[1].values()):
            name = f"{method} {path}"
        else:
            name = found[0].key
        # A batch is a wrapper: its items are calls, it is none.
        new = {name} - {_BATCH} - self._noted
        if name == "POST /subscriptions" and isinstance(body, dict):
            new |= {f"{SUBSCRIBED} {str(body.get('resource')).strip('/')}"} - self._noted
        if new:
            self._folder.mkdir(parents=True, exist_ok=True)
            with (self._folder / f"{os.getpid()}.txt").open("a") as file:
                file.writelines(f"{one}\n" for one in sorted(new))
            self._noted |= new


def noted(folder: Path) -> frozenset[str]:
    """Everything noted in this folder."""
    return frozenset(line for file in folder.glob("*.txt") for line in file.read_text().splitlines())


def _folder() -> Path | None:
    named = os.environ.get(FOLDER, "")
    return Path(named) if named else None


def seen() -> Seen:
    """What notes the calls of one simulator."""
    return Seen(_folder())
