"""From verdicts and facts to findings, and how findings live in time (judgement.md §5). Pure.

`of_user`, `of_group` and `of_tenant` say what is wrong now; `advance` compares it with what was open and
gives the transitions. What kinds there are, how severe and with what remedy, is data:
`shared/rules/findings.toml`.
"""

from shared.findings.fingerprints import fingerprint
from shared.findings.groups import of_group
from shared.findings.losses import with_lost
from shared.findings.tenant import of_tenant
from shared.findings.transitions import REOPEN_WITHIN, Advance, advance, resolution_cause
from shared.findings.users import of_user

__all__ = [
    "REOPEN_WITHIN",
    "Advance",
    "advance",
    "fingerprint",
    "of_group",
    "of_tenant",
    "of_user",
    "resolution_cause",
    "with_lost",
]
