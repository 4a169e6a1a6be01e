"""What the watch keeps of what it read, for how long, and whether with names.

Imports stay within the standard library and msgspec: this lies on the path of every notification (design §7).
"""

from datetime import timedelta

import msgspec

from shared.settings.faults import Problem, Remedy
from shared.settings.reader import MISSING, Reader

ON, PSEUDONYMISED, OFF = "on", "pseudonymised", "off"

SHORTEST_KEY = 32
"""Characters: as `shared/snapshot/pseudonyms.py` wants it."""

GENERATE = Remedy("generate", {"command": "python -c 'import secrets; print(secrets.token_urlsafe(48))'"})

_LONGEST = 3653
"""Days: ten years."""


class KeepingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept, and for how long. `snapshots`: `on`, `pseudonymised` or `off`.

    `snapshot_keep`: how long a snapshot is kept; `trail_keep`: how long the trail of what was told is.
    `pseudonym_key` is a secret and not in `repr`; empty where it is not set.
    """

    snapshots: str = ON
    pseudonym_key: str = ""
    snapshot_keep: timedelta = timedelta(days=400)
    trail_keep: timedelta = timedelta(days=400)

    def __repr__(self) -> str:
        return f"KeepingSettings(snapshots {self.snapshots}, {self.snapshot_keep.days} days)"


def read_keeping(read: Reader) -> KeepingSettings:
    """What is kept. Faults go to `read`, all of them; the key is never quoted."""
    snapshots = read.choice("SNAPSHOTS", ON, ON, PSEUDONYMISED, OFF)
    key = read.text("PSEUDONYM_KEY")
    if not key and snapshots == PSEUDONYMISED and not read.has_fault("PSEUDONYM_KEY"):
        read.fault("PSEUDONYM_KEY", MISSING, GENERATE)
    elif key and len(key) < SHORTEST_KEY:
        read.fault("PSEUDONYM_KEY", Problem("short-key", {"least": SHORTEST_KEY}), GENERATE)
    return KeepingSettings(
        snapshots=snapshots,
        pseudonym_key=key,
        snapshot_keep=timedelta(days=read.number("SNAPSHOT_KEEP_DAYS", 400, 1, _LONGEST)),
        trail_keep=timedelta(days=read.number("TRAIL_KEEP_DAYS", 400, 1, _LONGEST)),
    )
