"""GUIDs as Graph writes them. Standard library only: settings and the notification path read this too."""

import re

GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""One in lower case."""


def as_guid(value: object) -> str | None:
    """The GUID in lower case; None for anything that is not exactly one, so no id can carry a path."""
    if not isinstance(value, str):
        return None
    text = value.lower()
    return text if GUID.fullmatch(text) else None


def guid(value: str) -> str:
    """The GUID in lower case; raises ValueError, without repeating what it was given."""
    text = as_guid(value)
    if text is None:
        raise ValueError("an object id is not a GUID")
    return text
