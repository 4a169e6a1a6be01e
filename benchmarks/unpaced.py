"""The real app, only that it doesn't wait between pages of the registration report.

Graph allows five of them in ten seconds: for a million users that is half an hour in which the app sleeps and
nothing is measured. `function_app.py` of the folder that the benchmark runs is this file.
"""

import importlib.util
from pathlib import Path

from shared.graph.retry import Gate, Pace

ROOT = Path(__file__).resolve().parent.parent


async def _at_once(_: Pace, gate: Gate) -> None:
    """In place of waiting for one's turn: a 429 is still waited for."""
    await gate.passed()


Pace.turn = _at_once  # type: ignore[assignment, method-assign]  # the one thing that is other than in the real app
_spec = importlib.util.spec_from_file_location("the_real_app", ROOT / "function_app.py")
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
app = _module.app
