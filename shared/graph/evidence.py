"""How an attempt to read a piece of evidence is recorded, and which permission a refusal asks for."""

from datetime import datetime

import msgspec

from shared.graph.errors import Forbidden, GraphError
from shared.model import Evidence, EvidenceStatus

PERMISSIONS = {
    "skus": "Organization.Read.All",
    "subscriptions": "Organization.Read.All",
    "organization": "Organization.Read.All",
    "groups": "Group.Read.All",
    "registration": "AuditLog.Read.All",
    "scope-groups": "Group.Read.All",
    "emergency-group": "Group.Read.All",
    "audit": "AuditLog.Read.All",
    "admin-policy": "Policy.Read.All",
    "named-groups": "Group.Read.All",
}
"""The application permission of the watch's own minimal set that each piece of evidence needs."""


def after_attempt(name: str, previous: Evidence, problem: GraphError | None, at: datetime) -> Evidence:
    """The evidence after an attempt at `at`; `problem` None: it was read whole.

    A failed attempt keeps `read_at`: evidence ages before it is missing.
    """
    if problem is None:
        return Evidence(status=EvidenceStatus.OK, read_at=at, tried_at=at)
    status, permission, code = EvidenceStatus.FAILED, "", problem.code
    if isinstance(problem, Forbidden):
        code = ""
        if problem.not_premium:
            status = EvidenceStatus.NOT_PREMIUM
        else:
            status, permission = EvidenceStatus.FORBIDDEN, PERMISSIONS.get(name, "")
    return msgspec.structs.replace(previous, status=status, tried_at=at, permission=permission, problem=code)
