"""The typed facts and answers that every room shares. Frozen data: no I/O, no Azure, no clock.

Three families: what Graph said (`User`, `Sku`, `TenantFacts` …; field names as Graph's, in snake case),
what we make of it (`Verdict`, `Finding`), and what changed (`OpenFinding`, `Transition`).
Times are timezone-aware UTC. Ids are Graph's object ids, lower case. Shapes: learn.microsoft.com/graph/api.
"""

from shared.model.base import Facts, ndjson, utc, zulu
from shared.model.findings import (
    ClosedFinding,
    Finding,
    Moment,
    OpenFinding,
    Severity,
    Step,
    SubjectType,
    Transition,
)
from shared.model.tenant import (
    EVIDENCE,
    JOB_AT_MOST,
    CommerceSubscription,
    Evidence,
    EvidenceStatus,
    GroupError,
    LicensingGroup,
    Sku,
    Standing,
    TenantFacts,
    Totals,
)
from shared.model.users import (
    USER_SELECT,
    AssignedLicense,
    Identity,
    LicenseAssignmentState,
    Registration,
    User,
)
from shared.model.verdicts import (
    BROKEN,
    Because,
    Holding,
    Judged,
    JudgedBy,
    Part,
    State,
    Tier,
    Verdict,
    Warning,
)

__all__ = [
    "BROKEN",
    "EVIDENCE",
    "JOB_AT_MOST",
    "USER_SELECT",
    "AssignedLicense",
    "Because",
    "ClosedFinding",
    "CommerceSubscription",
    "Evidence",
    "EvidenceStatus",
    "Facts",
    "Finding",
    "GroupError",
    "Holding",
    "Identity",
    "Judged",
    "JudgedBy",
    "LicenseAssignmentState",
    "LicensingGroup",
    "Moment",
    "OpenFinding",
    "Part",
    "Registration",
    "Severity",
    "Sku",
    "Standing",
    "State",
    "Step",
    "SubjectType",
    "TenantFacts",
    "Tier",
    "Totals",
    "Transition",
    "User",
    "Verdict",
    "Warning",
    "ndjson",
    "utc",
    "zulu",
]
