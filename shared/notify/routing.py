"""Which way a finding is told: routes by kind, severity and group of the subject. Pure.

A finding goes to every route whose conditions it meets. The default route hears what no other route took;
one marked `copy` takes nothing away from it.
"""

from collections.abc import Mapping, Sequence

from shared.model import Facts, SubjectType
from shared.notify.entries import Entry

DEFAULT = "teams"
"""The name of the route of `TEAMS_WORKFLOW_URL`."""

TEAMS, WEBHOOK = "teams", "webhook"


class RouteRule(Facts, frozen=True):
    """One route as the decision sees it: no address, no secret. An empty condition is met by everything.

    `type`: `teams` or `webhook`. `groups`: ids; met by these groups and by the users in them, directly or
    through other groups. `copy`: the default route hears of it all the same.
    """

    name: str = DEFAULT
    type: str = TEAMS
    kinds: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    copy: bool = False

    def takes(self, entry: Entry, memberships: Mapping[str, frozenset[str]]) -> bool:
        """Whether the finding meets its conditions. `memberships`: user id to watched groups."""
        if self.kinds and entry.kind not in self.kinds:
            return False
        if self.severities and entry.severity not in self.severities:
            return False
        if not self.groups:
            return True
        if entry.subject_type is SubjectType.GROUP:
            return entry.subject_id in self.groups
        return entry.subject_type is SubjectType.USER and not memberships.get(
            entry.subject_id, frozenset()
        ).isdisjoint(self.groups)


def routes_of(
    entry: Entry, routes: Sequence[RouteRule], memberships: Mapping[str, frozenset[str]]
) -> tuple[str, ...]:
    """The names of the routes that this finding is told on. The default route is the one called `DEFAULT`."""
    taken = [one for one in routes if one.name != DEFAULT and one.takes(entry, memberships)]
    names = tuple(one.name for one in taken)
    has_default = any(one.name == DEFAULT for one in routes)
    return (DEFAULT, *names) if has_default and all(one.copy for one in taken) else names
