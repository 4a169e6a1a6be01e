"""Rows about the package: what its import costs beside a plain install of the same, and how large it is."""

import os
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.budgets import row
from benchmarks.process import ROOT, answer_of
from benchmarks.rows import Row
from benchmarks.start import SETTINGS
from tools.package import sizes
from tools.package.build import Built, Places, build, last_built
from tools.package.site import SITE_PACKAGES

# All that any function of the app ever imports, and the SDK's builders that are made on the way to a call.
_IMPORT = """
import time
begun = time.process_time()
import function_app
import shared.graph.session, shared.watch.parts, shared.watch.wellbeing.self_watch, shared.watch.telling
import shared.watch.reports, shared.watch.wellbeing.health, shared.watch.users.evaluation
import shared.watch.licensing.groups
import shared.report.page
from azure.identity.aio import ManagedIdentityCredential
from shared.graph.session import GraphSession
from shared.settings import current
client = GraphSession(current().graph).client
client.users.by_user_id("x"), client.groups.by_group_id("x"), client.reports.authentication_methods
client.subscriptions, client.subscribed_skus, client.organization, client.policies.authorization_policy
print((time.process_time() - begun) * 1000)
"""
TIMES = 5


def built() -> Built:
    """The package of the working tree, built if it isn't there. Raises `PackageError`."""
    places = Places()
    return last_built(places) or build(
        places, lambda what: print(f"  {what} ...", file=sys.stderr, flush=True)
    )


async def rows() -> list[Row]:
    """Package over plain install: its size, and the CPU of importing everything, with and without .pyc."""
    package, places = built(), Places()
    paths = {
        "package": [places.app, places.app / SITE_PACKAGES],
        "plain": [ROOT, places.plain],
    }
    spent: dict[tuple[str, bool], float] = {}
    with tempfile.TemporaryDirectory() as nowhere:
        for compiled in (True, False):
            found: dict[str, list[float]] = {name: [] for name in paths}
            for _ in range(TIMES + 1):
                for name, path in paths.items():
                    found[name].append(await _spent(path, None if compiled else nowhere))
            for name, each in found.items():
                # The first of each reads the disk, and writes bytecode of our own modules where it may.
                spent[name, compiled] = statistics.median(each[1:])
    totals = (sizes.total(package.package), sizes.total(package.plain))
    unpacked = " over ".join(f"{size.bytes / 1e6:.1f} MB in {size.files:,} files" for size in totals)
    return [
        row("package-size", package.ratio, unpacked, most=sizes.BUDGET),
        _row("package-import", spent["package", True], spent["plain", True]),
        _row("package-import-bare", spent["package", False], spent["plain", False]),
        _row("package-import-as-is", spent["package", True], spent["plain", False]),
    ]


def _row(row_id: str, ours: float, theirs: float) -> Row:
    return row(row_id, ours / theirs, f"{ours:.0f} ms over {theirs:.0f} ms of CPU", times=TIMES)


async def _spent(path: list[Path], prefix: str | None) -> float:
    """CPU milliseconds in a process that sees nothing else; `prefix`: an empty folder to look for .pyc in."""
    environment = {**SETTINGS, "PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONSAFEPATH": "1"}
    if prefix:
        environment |= {"PYTHONPYCACHEPREFIX": prefix, "PYTHONDONTWRITEBYTECODE": "1"}
    return float(await answer_of(["-S", "-c", _IMPORT], environment))
