"""Which way a finding is told: routes by kind, severity and group of the subject. Pure.

A finding goes to every route whose conditions it meets. The default route hears what no other route took;
one marked `copy` takes nothing away from it.
"""

from collections.abc import Mapping, Sequence

from shared.model import SubjectType
from shared.notify.entries import Entry
from shared.settings.routes import DEFAULT, WEBHOOK, RouteRule

__all__ = ["DEFAULT", "WEBHOOK", "RouteRule", "routes_of", "takes"]


def takes(rule: RouteRule, entry: Entry, memberships: Mapping[str, frozenset[str]]) -> bool:
    """Whether the finding meets the route's conditions. `memberships`: user id to watched groups."""
    if rule.kinds and entry.kind not in rule.kinds:
        return False
    if rule.severities and entry.severity not in rule.severities:
        return False
    if not rule.groups:
        return True
    if entry.subject_type is SubjectType.GROUP:
        return entry.subject_id in rule.groups
    return entry.subject_type is SubjectType.USER and not memberships.get(
        entry.subject_id, frozenset()
    ).isdisjoint(rule.groups)


def routes_of(
    entry: Entry, routes: Sequence[RouteRule], memberships: Mapping[str, frozenset[str]]
) -> tuple[str, ...]:
    """The names of the routes that this finding is told on. The default route is the one called `DEFAULT`."""
    taken = [one for one in routes if one.name != DEFAULT and takes(one, entry, memberships)]
    names = tuple(one.name for one in taken)
    has_default = any(one.name == DEFAULT for one in routes)
    return (DEFAULT, *names) if has_default and all(one.copy for one in taken) else names
