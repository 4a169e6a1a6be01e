"""How an attempt to read a piece of evidence is recorded, and which permission a refusal asks for."""

from datetime import datetime

import msgspec

from shared.graph.errors import Forbidden, GraphError
from shared.graph.permissions import table
from shared.model import Evidence, EvidenceStatus


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
            status = EvidenceStatus.FORBIDDEN
            permission = next(iter(table().of_evidence().get(name, ())), "")
    return msgspec.structs.replace(previous, status=status, tried_at=at, permission=permission, problem=code)
