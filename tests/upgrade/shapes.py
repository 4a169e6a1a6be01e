"""The shape of everything that is stored and read again, written down in `shapes.toml` for each version.

`python -m tests.upgrade.shapes` adds the shapes of versions that are not in it yet. It never writes over one:
what a release has written stays as it is.
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from shared.ledger.records import Manifest, Shard, TenantRecord
from shared.model import User
from shared.notify.entries import Entry
from shared.notify.exceptions import agreed
from shared.notify.table import Table
from shared.report import trend
from shared.storage import versions
from shared.watch import housekeeping, messages, nesting, standing, subscription_memory
from shared.watch.hearing import calls
from shared.watch.licensing import errors, group_delta
from shared.watch.reach import registration_rows, registration_state
from shared.watch.users import delta_state, spill
from shared.watch.wellbeing.overdue import SelfLook

RECORD = Path(__file__).parent / "shapes.toml"

PACKED_IDS = "ids of sixteen bytes, in order (shared/ledger/members.py)"
"""The shape of what is no JSON."""

STORED: Mapping[str, tuple[Any, ...]] = {
    "ledger/manifest": (Manifest,),
    "ledger/release": (agreed.ReleaseOrder,),
    "ledger/subscriptions": (subscription_memory.Kept,),
    "ledger/calls": (calls.Sums,),
    "ledger/exceptions": (agreed._File,),
    "ledger/*/tenant": (TenantRecord,),
    "ledger/*/users": (Shard,),
    "ledger/*/telling": (Table, Entry),
    "ledger/*/delta": (delta_state.Delta,),
    "ledger/*/group-delta": (group_delta.State,),
    "ledger/*/errors": (errors._Tried,),
    "ledger/*/housekeeping": (housekeeping.House,),
    "ledger/*/self-look": (SelfLook,),
    "evidence/errors": (dict[str, frozenset[str]],),
    "evidence/groups": (PACKED_IDS,),
    "evidence/watched": (PACKED_IDS,),
    "evidence/trend": (trend._Trend,),
    "evidence/*/standing": (standing.Rows,),
    "evidence/*/nested": (nesting.Rows,),
    "evidence/*/reading": (registration_state.Reading,),
    "evidence/*/spill": (list[spill._Index], list[registration_rows.Row], User),
    "queues/changed-users": (messages.Changed,),
    "queues/sweeps": (messages.ReadingStep,),
}
"""What lies in a blob of each kind (`versions.what_is`), or in a message. Not in here are published forms,
journal and snapshots, which take new fields without a new number: docs/*.schema.json is held against them."""

NUMBERS: Mapping[str, int] = {
    **versions.KNOWN,
    "ledger/exceptions": agreed.SCHEMA,
    "evidence/trend": trend.SCHEMA,
    "queues/changed-users": messages.SCHEMA,
    "queues/sweeps": messages.SCHEMA,
}
"""The version that this release writes of each."""


def shape_of(what: str) -> dict[str, str]:
    """Digests of all structs that lie in it, by name, and of the whole as `_`: fields, types and defaults."""
    kinds = [kind for kind in STORED[what] if kind != PACKED_IDS]
    whole, parts = msgspec.json.schema_components(kinds)
    found = {name: digest_of(part) for name, part in sorted(parts.items())}
    return {"_": digest_of([*whole, *(PACKED_IDS for kind in STORED[what] if kind == PACKED_IDS)]), **found}


def digest_of(part: Any) -> str:
    """A mark of a JSON schema, whatever is said in it for people."""
    text = json.dumps(_bare(part), sort_keys=True)
    # In two halves: whatever looks for secrets takes a long number for one.
    return hashlib.blake2b(text.encode(), digest_size=5).digest().hex("-", -3)


def _bare(part: Any) -> Any:
    """A JSON schema without what only people read."""
    if isinstance(part, dict):
        fields = {key: _bare(value) for key, value in part.items()}
        return {
            key: value
            for key, value in fields.items()
            # A field may be called so too: then it is no text.
            if not (key in ("title", "description") and isinstance(value, str))
        }
    return [_bare(one) for one in part] if isinstance(part, (list, tuple)) else part


def recorded_shapes() -> dict[str, dict[str, dict[str, str]]]:
    """What was written down: of each kind, by version."""
    return tomllib.loads(RECORD.read_text()) if RECORD.exists() else {}


def as_toml(shapes: Mapping[str, Mapping[str, Mapping[str, str]]]) -> str:
    """The record's text."""
    parts = [
        "# The shape of all that is stored, by version: digests of structs. Written by",
        "# python -m tests.upgrade.shapes, which adds versions and changes none.",
    ]
    for what in sorted(shapes):
        for number in sorted(shapes[what], key=int):
            parts += ["", f'["{what}".{number}]']
            parts += [f'{name} = "{digest}"' for name, digest in shapes[what][number].items()]
    return "\n".join(parts) + "\n"


def main() -> None:
    """Add what is not written down yet."""
    shapes = recorded_shapes()
    for what, number in NUMBERS.items():
        shapes.setdefault(what, {}).setdefault(str(number), shape_of(what))
    RECORD.write_text(as_toml(shapes))


if __name__ == "__main__":
    main()
