"""Hold the table of permissions against what the tests saw asked: `python -m tools.graph_calls FOLDER`.

After the whole test run both must agree (`make test`); a part of the tests can only show what is not in the
table.
"""

import sys
from collections.abc import Collection
from pathlib import Path

from sandbox.graph.seen import SUBSCRIBED, noted
from shared.graph.permissions import FILE, table


def allowed() -> frozenset[str]:
    """Every call of the table, and every resource that it lets the product subscribe to."""
    return table().calls | {f"{SUBSCRIBED} {name}" for name in table().of_subscriptions()}


def beyond(seen: Collection[str]) -> list[str]:
    """What the product asked for and the table doesn't list."""
    return sorted(set(seen) - allowed())


def unseen(seen: Collection[str]) -> list[str]:
    """What the table lists and nobody saw the product ask for."""
    return sorted(allowed() - set(seen))


def main(folder: Path) -> int:
    """Print what differs; 0 if nothing does."""
    seen = noted(folder)
    for name in beyond(seen):
        print(f"asked of Graph, but not in {FILE.name}: {name}")
    for name in unseen(seen):
        print(f"in {FILE.name}, but no test saw it asked of Graph: {name}")
    if seen != allowed():
        return 1
    print(f"{len(table().calls)} calls of Graph, all of them and no other in {FILE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
