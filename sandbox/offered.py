"""Settings that `python -m sandbox up` takes from the shell: how people are told, which way
notifications come, and nothing else."""

import json
from collections.abc import Mapping

LANGUAGE, ROUTES, DELIVERY = "WATCH_LANGUAGE", "ROUTES", "DELIVERY"


def offered(environ: Mapping[str, str]) -> dict[str, str]:
    """The language, the delivery, the further routes, and the settings that these name, as far as they are
    set.

    Only picked here: `Stage` holds them against the rules of all settings.
    """
    names = {LANGUAGE, ROUTES, DELIVERY, *_named(environ.get(ROUTES, ""))}
    return {name: environ[name] for name in sorted(names) if environ.get(name)}


def _named(routes: str) -> set[str]:
    """Where the routes have their addresses and secrets; nothing of what is not a list of routes."""
    try:
        rows = json.loads(routes)
    except ValueError:
        return set()
    given = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    found = [row.get(field) for row in given for field in ("url", "secret")]
    return {name for name in found if isinstance(name, str)}
