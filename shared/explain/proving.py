"""The proof of one verdict, set out from the judge's own grounds. Pure: it decides nothing itself."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from shared.explain.changes import changes_of
from shared.explain.proof import (
    DECIDES,
    NOT_ASKED,
    PASSED,
    SCHEMA,
    Account,
    ByEdition,
    FactRead,
    Known,
    Licence,
    Note,
    PlanHeld,
    Proof,
    ReachStep,
    Reported,
    RuleUsed,
    Said,
    Seats,
    Source,
)
from shared.explain.worlds import World
from shared.holdings import COUNTING, NO, UNDETERMINED, error_code, held, paid
from shared.judgement import Grounds, Judge
from shared.model import EvidenceStatus, Registration, Sku, Standing, State, TenantFacts, User, Verdict
from shared.reach import EXCLUSIONS, IN, OUT
from shared.rules.editions import Edition
from shared.rules.loader import Rules
from shared.rules.policy import Policy


def proof_of(
    user: User,
    standing: Standing,
    facts: TenantFacts,
    rules: Rules,
    policy: Policy,
    at: datetime,
    *,
    source: str,
) -> Proof:
    """The verdict on one user as of `at`, proved. Raises `KeyError` for an edition that is not there."""
    judge = Judge(rules, policy, facts)
    grounds = judge.grounds(user, standing, at)
    found = changes_of(World(user, standing, facts, policy), grounds, rules, at)
    governing = grounds[0].verdict
    return Proof(
        schema=SCHEMA,
        tenant_id=facts.tenant_id,
        at=at,
        source=source,
        account=_account(user),
        known=_known(standing, in_force=judge.row_in_force(standing, at) is not None),
        facts=tuple(facts_read(facts, policy, standing.registration, at)),
        licences=tuple(_licences(user, facts, rules, grounds[0])),
        editions=tuple(_by_edition(one, rules, policy, governs=one is grounds[0]) for one in grounds),
        differing={
            one.edition.id: one.verdict.state for one in grounds if one.verdict.state is not governing.state
        },
        changes=found.changes,
        further=found.further,
    )


def _account(user: User) -> Account:
    return Account(
        id=user.id,
        upn=user.user_principal_name or "",
        name=user.display_name or "",
        enabled=user.account_enabled,
        synced=user.synced,
        user_type=user.user_type,
        creation_type=user.creation_type,
        external_user_state=user.external_user_state,
        issuers=tuple(sorted({one.issuer for one in user.identities if one.issuer})),
        usage_location=user.usage_location,
        created_at=user.created_date_time,
    )


def _known(standing: Standing, *, in_force: bool) -> Known:
    row = standing.registration
    return Known(
        registration=Reported(
            sspr_enabled=row.is_sspr_enabled,
            sspr_registered=row.is_sspr_registered,
            sspr_capable=row.is_sspr_capable,
            admin=row.is_admin,
            updated_at=row.last_updated_date_time,
        )
        if row
        else None,
        report_in_force=in_force,
        in_scope_group=standing.in_scope_group,
        emergency=standing.emergency,
        used=standing.used,
        nested_in=standing.nested_in,
    )


def facts_read(
    facts: TenantFacts, policy: Policy | None, row: Registration | None, at: datetime
) -> Iterator[FactRead]:
    """The evidence that such a verdict may rest on, the account first; without a policy all that was read."""
    yield FactRead(name="observed", status=EvidenceStatus.OK, read_at=at, age_seconds=0)
    for name in _asked(facts, policy, row):
        evidence = facts.evidence_of(name)
        age = max(0, int((at - evidence.read_at).total_seconds())) if evidence.read_at else None
        yield FactRead(name=name, status=evidence.status, read_at=evidence.read_at, age_seconds=age)


def _asked(facts: TenantFacts, policy: Policy | None, row: Registration | None) -> Iterator[str]:
    if policy is None:
        yield from (name for name in facts.evidence if name != "named-groups")
        return
    yield from ("skus", "subscriptions", "organization", "registration")
    if policy.scope == "groups":
        yield "scope-groups"
    if policy.emergency_group:
        yield "emergency-group"
    if policy.population == "used":
        yield "audit"
    if row is not None and row.is_admin:
        yield "admin-policy"


def _licences(user: User, facts: TenantFacts, rules: Rules, grounds: Grounds) -> Iterator[Licence]:
    plan_ids = {key: plan for plan, key in rules.skus.plans.items()}
    assigned = {one.sku_id for one in user.assigned_licenses}
    for sku_id, (off, _) in held(user).items():
        entry, sku = rules.skus.get(sku_id), facts.skus.get(sku_id)
        part_number = sku.part_number if sku else ""
        yield Licence(
            sku_id=sku_id,
            name=rules.skus.name(sku_id, part_number),
            part_number=part_number or (entry.string_id if entry else ""),
            assigned=sku_id in assigned,
            sku_class=entry.sku_class.name if entry else "",
            plans=tuple(
                PlanHeld(key=key, plan_id=plan_ids[key], on=plan_ids[key] not in off)
                for key in grounds.entra_plans[sku_id]
            ),
            plans_off=tuple(sorted(off)),
            sources=tuple(_sources(user, sku_id, facts)),
            seats=seats_of(sku),
        )


def seats_of(sku: Sku | None) -> Seats | None:
    """The tenant's seats of a SKU that it has."""
    if sku is None:
        return None
    return Seats(
        status=sku.status,
        usable=sku.usable,
        consumed=sku.consumed,
        free=sku.free,
        paid=paid(sku.subscriptions, sku.consumed)[0],
    )


def _sources(user: User, sku_id: str, facts: TenantFacts) -> Iterator[Source]:
    for one in user.license_assignment_states:
        if one.sku_id == sku_id:
            group = facts.groups.get(one.assigned_by_group or "")
            yield Source(
                group=one.assigned_by_group or "",
                group_name=group.display_name if group else "",
                state=one.state,
                error=error_code(one.error),
                counts=one.state.casefold() in COUNTING,
            )


def _by_edition(grounds: Grounds, rules: Rules, policy: Policy, *, governs: bool) -> ByEdition:
    return ByEdition(
        edition=grounds.edition.id,
        page=grounds.edition.page,
        governs=governs,
        verdict=grounds.verdict,
        reach=tuple(_reach_steps(grounds, policy)),
        said=_said(grounds, rules),
        rules=rules_used(grounds.edition, grounds.verdict),
        notes=tuple(_notes(grounds)),
    )


def _notes(grounds: Grounds) -> Iterator[Note]:
    """What has to be known to see why the rules are applied."""
    verdict = grounds.verdict
    if verdict.state is State.NOT_IN_REACH:
        return
    if verdict.writeback.answer in (NO, UNDETERMINED):
        for one in grounds.readings:
            if one.plan_off:
                yield Note(code="plan-off", rule=verdict.writeback.rule, about=one.holding.sku_id)
    # As the cause of the verdict or of its part it is told already.
    if grounds.freed and "administrator-free" not in (verdict.cause, verdict.reset.cause):
        yield Note(code="administrator-free", rule=verdict.reset.rule)


def _reach_steps(grounds: Grounds, policy: Policy) -> Iterator[ReachStep]:
    """In the order of judgement: each question up to the one that decides, with what an option skips."""
    left_out = set[str]()
    if grounds.internal_guests != "not_in_reach":
        left_out.add("internal-guest")
    if policy.resource_accounts != "skip":
        left_out.add("resource-account")
    for one in EXCLUSIONS:
        if one == grounds.reach:
            yield ReachStep(code=one.code, outcome=DECIDES, answer=OUT)
            return
        yield ReachStep(code=one.code, outcome=NOT_ASKED if one.code in left_out else PASSED)
    if grounds.verdict.reach != grounds.reach.code:
        # Who cannot reset at all is out of reach, also where nobody knows of the scope.
        if grounds.reach.answer == IN:
            yield ReachStep(code=grounds.reach.code, outcome=PASSED)
        yield ReachStep(code=grounds.verdict.reach, outcome=DECIDES, answer=OUT)
        return
    yield ReachStep(
        code=grounds.reach.code,
        outcome=DECIDES,
        answer=grounds.reach.answer,
        missing=grounds.reach.missing,
    )


def _said(grounds: Grounds, rules: Rules) -> Mapping[str, tuple[Said, ...]]:
    """What the edition makes of the plans and the class of each SKU."""
    found: dict[str, tuple[Said, ...]] = {}
    for sku_id, plans in grounds.entra_plans.items():
        entry = rules.skus.get(sku_id)
        answers = [(key, grounds.edition.plans[key]) for key in plans]
        if entry:
            answers.append(("class", grounds.edition.classes[entry.sku_class.name]))
        found[sku_id] = tuple(Said(of=of, answer=one.answer, yes=one.yes, no=one.no) for of, one in answers)
    return found


def rules_used(edition: Edition, verdict: Verdict) -> tuple[RuleUsed, ...]:
    """The rules that the verdict names, that of its state first."""
    ids = dict.fromkeys(
        key for key in (verdict.rule, verdict.reset.rule, verdict.writeback.rule) if key in edition.rules
    )
    named = (edition.rules[key] for key in ids)
    return tuple(
        RuleUsed(id=one.id, quote=one.quote, source=one.source, table_row=one.table_row) for one in named
    )
