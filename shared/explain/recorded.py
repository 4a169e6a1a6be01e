"""The proof that a record of the ledger allows: the verdict as it was given, and the tenant's facts. Pure.

The ledger keeps verdicts and not what each user held in detail, so the proof says what is missing (`lacks`).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from shared.explain.proof import (
    DECIDES,
    LEDGER,
    SCHEMA,
    Account,
    ByEdition,
    Known,
    Licence,
    Proof,
    ReachStep,
)
from shared.explain.proving import facts_read, rules_used, seats_of
from shared.model import State, TenantFacts, Verdict
from shared.rules.loader import Rules

LACKS = ("account", "licences", "editions", "changes")


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger has of a user. `skus` are ids assigned; `others`: states by the other editions."""

    id: str
    upn: str
    name: str
    synced: bool
    skus: Sequence[str]
    verdict: Verdict
    others: Mapping[str, State]
    observed_at: datetime


def proof_of_record(user: Recorded, facts: TenantFacts, rules: Rules) -> Proof:
    """The proof as far as it goes. Raises `KeyError` where no edition of the rules gave that verdict."""
    governing = next((one for one in sorted(rules.editions) if one not in user.others), "")
    edition, verdict = rules.edition(governing), user.verdict
    return Proof(
        schema=SCHEMA,
        tenant_id=facts.tenant_id,
        at=user.observed_at,
        source=LEDGER,
        account=Account(id=user.id, upn=user.upn, name=user.name, synced=user.synced),
        known=Known(),
        facts=tuple(facts_read(facts, None, None, user.observed_at)),
        licences=tuple(_licence(sku_id, facts, rules) for sku_id in sorted(user.skus)),
        editions=(
            ByEdition(
                edition=governing,
                page=edition.page,
                governs=True,
                verdict=verdict,
                reach=(ReachStep(code=verdict.reach, outcome=DECIDES, answer=_answer(verdict)),),
                said={},
                rules=rules_used(edition, verdict),
            ),
        ),
        differing={name: state for name, state in user.others.items() if state is not verdict.state},
        lacks=LACKS,
    )


def _answer(verdict: Verdict) -> str:
    if verdict.state is State.NOT_IN_REACH:
        return "out"
    return "unknown" if verdict.reach == "unknown" else "in"


def _licence(sku_id: str, facts: TenantFacts, rules: Rules) -> Licence:
    entry, sku = rules.skus.get(sku_id), facts.skus.get(sku_id)
    part_number = sku.part_number if sku else ""
    return Licence(
        sku_id=sku_id,
        name=rules.skus.name(sku_id, part_number),
        part_number=part_number or (entry.string_id if entry else ""),
        assigned=True,
        sku_class=entry.sku_class.name if entry else "",
        plans=(),
        plans_off=(),
        sources=(),
        seats=seats_of(sku),
    )
