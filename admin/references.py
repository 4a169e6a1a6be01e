"""Secrets that are references to Key Vault: which settings hold one, and how to do without its value.

Whoever reads the settings of a deployed app sees the references; only the app gets what they name.
"""

import base64
from collections.abc import Mapping

import msgspec

from shared.settings.reader import REFERENCE
from shared.settings.routes import SECRET_PREFIX

_URL = "https://127.0.0.1:9/unseen"
_SIGNING = SECRET_PREFIX + base64.b64encode(bytes(32)).decode()

_SECRETS: Mapping[str, str] = {
    "CLIENT_STATE": "unseen-" * 6,
    "CLIENT_STATE_PREVIOUS": "unseen-previous-" * 3,
    "TEAMS_WORKFLOW_URL": _URL,
    "PSEUDONYM_KEY": "unseen-" * 6,
}
"""What stands in for each while the others are checked: of its form, and of no use to anybody."""


def stand_ins(values: Mapping[str, str]) -> dict[str, str]:
    """The settings that hold secrets, those that `ROUTES` names too, each with what can stand in for it."""
    try:
        rows = msgspec.json.decode(values.get("ROUTES") or "[]")
    except (msgspec.DecodeError, UnicodeError):
        rows = []
    found = dict(_SECRETS)
    for row in rows if isinstance(rows, list) else ():
        for field, value in (("url", _URL), ("secret", _SIGNING)):
            if isinstance(row, dict) and isinstance(name := row.get(field), str):
                found.setdefault(name, value)
    return found


def is_reference(value: str) -> bool:
    """Whether this names a secret in a vault instead of being one."""
    return value.strip().startswith(REFERENCE)


def without(values: Mapping[str, str]) -> tuple[dict[str, str], frozenset[str]]:
    """The settings with something in the place of every reference, and the names of those.

    Only of secrets: any other setting that is a reference stays one, and a fault.
    """
    known = stand_ins(values)
    unseen = {name for name, value in values.items() if name in known and is_reference(value)}
    return {**values, **{name: known[name] for name in unseen}}, frozenset(unseen)
