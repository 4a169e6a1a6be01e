"""The real app, only that its machine's clock can be set: `function_app.py` of the folder that the soak's
host runs.

All code of the watch that asks what time it is gets the time of the machine plus what the file named by
`SOAK_CLOCK` holds, in seconds. Nothing else is other than in the real app, but that the front loads more of
it at its start than it would.
"""

import contextlib
import importlib.util
import os
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from functions import notifications
from shared import clocks
from shared.graph import session
from shared.ledger import ledger

ROOT = Path(__file__).resolve().parents[2]
CLOCK = Path(os.environ["SOAK_CLOCK"])


class Clock(datetime):
    """`datetime` where the watch asks it for the time."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        """The time as the app's machine would have it: of the plain type, which is what is stored."""
        return datetime.now(tz) + timedelta(seconds=_offset())


def _offset() -> float:
    with contextlib.suppress(OSError, ValueError):
        return float(CLOCK.read_text("ascii"))
    return 0.0


for asks in (notifications, clocks, session, ledger):
    asks.datetime = Clock  # type: ignore[attr-defined]

_spec = importlib.util.spec_from_file_location("the_real_app", ROOT / "function_app.py")
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
app = _module.app
