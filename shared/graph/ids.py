"""Object ids as Graph writes them. Standard library only: the notification path reads this too."""

import re

IDS_A_MESSAGE = 400
"""Ids in one message of a queue, which holds 48 KB before base64: 400 take a third of that."""

_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def as_guid(value: object) -> str | None:
    """The GUID in lower case; None for anything that is not exactly one, so no id can carry a path."""
    if not isinstance(value, str):
        return None
    text = value.lower()
    return text if _GUID.fullmatch(text) else None


def guid(value: str) -> str:
    """The GUID in lower case; raises ValueError, without repeating what it was given."""
    text = as_guid(value)
    if text is None:
        raise ValueError("an object id is not a GUID")
    return text
