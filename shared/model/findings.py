"""What is wrong, and how it lives in time (judgement.md §5)."""

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.model.base import Facts
from shared.model.verdicts import Because


class Step(Facts, frozen=True):
    """One step of a remedy: a code of the text catalogue and what to fill in (ids, numbers, dates)."""

    step: str
    values: Mapping[str, Any] = {}


class SubjectType(enum.StrEnum):
    """Whom a finding is about."""

    USER = "user"
    GROUP = "group"
    TENANT = "tenant"


class Severity(enum.StrEnum):
    """How much it matters; `high` of the tenant is told at once."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Finding(Facts, frozen=True):
    """Something that is wrong now, before it has an identity in time.

    `about` tells several findings of one kind on one subject apart (a SKU id, a setting, a piece of
    evidence); empty where a kind occurs once. `facts` hold JSON values: ids, counts, dates, never names.
    """

    kind: str
    state: str
    severity: Severity
    rule: str = ""
    cause: str = ""
    about: str = ""
    skus: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    facts: Mapping[str, Any] = {}
    remedy: tuple[Step, ...] = ()
    because: tuple[Because, ...] = ()

    @property
    def key(self) -> str:
        """Unique among the findings of one subject."""
        return f"{self.kind}|{self.about}" if self.about else self.kind


class OpenFinding(Facts, frozen=True):
    """A finding with its identity: from `opened_at` until it is resolved it keeps `id` (judgement.md §5)."""

    id: str
    finding: Finding
    fingerprint: str
    opened_at: datetime
    changed_at: datetime
    reopened: int = 0
    baseline: bool = False


class ClosedFinding(Facts, frozen=True):
    """What is remembered of a resolved finding, for `REOPEN_WITHIN`."""

    id: str
    fingerprint: str
    opened_at: datetime
    closed_at: datetime
    reopened: int = 0


class Moment(enum.StrEnum):
    """The transitions of a finding."""

    OPENED = "opened"
    CHANGED = "changed"
    RESOLVED = "resolved"


class Transition(Facts, frozen=True):
    """One step in a finding's life. `finding` is how it stands after it (for `resolved`: how it last stood).

    `cause` of a resolution: of a user's findings those of `shared/findings/transitions.py` (of which only
    `licensed` is called fixed) or `deleted`, of the tenant's and groups' `fixed`. `previous` is the state and
    fingerprint before, empty when opened anew.
    """

    moment: Moment
    at: datetime
    finding: OpenFinding
    cause: str = ""
    previous: Mapping[str, str] = {}
