"""What a user holds: each SKU read by an edition (judgement.md §2). Pure; never from names, always by ids.

A SKU is read in two halves. What it is *worth* to an ordinary person depends on the SKU, the edition and the
plans switched off. Whether it *counts* depends on the tenant's seats and on how it is assigned to this user.
"""

from collections.abc import Iterable, Mapping

import msgspec

from shared.model import Because, CommerceSubscription, Holding, Sku, Tier, User
from shared.rules.editions import Answer, Edition
from shared.rules.skus import PLANS, SkuEntry, SkuTable

YES, NO, UNDETERMINED = "yes", "no", "undetermined"
WORKING = ("enabled", "warning")
"""Subscription and SKU states under which licences work; the rest (Suspended, LockedOut, Deleted) do not."""
COUNTING = ("active", "activewitherror")
"""States of an assignment that counts; `Error`, `Disabled` and any word we do not know do not."""
REMEMBERED = 20_000
"""How many readings a reader keeps; then it starts anew, so its memory stays flat."""


class Sources(msgspec.Struct, frozen=True):
    """How one SKU is assigned to one user, over all its sources.

    `failing`: states are listed and none counts. `noted`: one is ActiveWithError. `groups`: those whose
    assignment fails.
    """

    failing: bool = False
    noted: bool = False
    groups: tuple[str, ...] = ()


ASSIGNED = Sources()
"""No state is listed: the SKU is in assignedLicenses, so it counts."""


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    """What an active assignment of a SKU gives an ordinary person by one edition.

    `plan_off`: it rests on an Entra plan that is switched off, so it gives no writeback.
    """

    answer: str
    tier: Tier
    writeback: str
    reason: str
    warnings: tuple[str, ...] = ()
    because: tuple[Because, ...] = ()
    plan_off: bool = False


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One SKU on one user. `holding` is what `explain` shows.

    `cause` is the reason with which it may explain a verdict: as the holding's, but a licence that would give
    nothing even if it were repaired keeps its own reason. `would_write_back`: it holds a P1 that is switched
    on, whether or not it counts.
    """

    holding: Holding
    cause: str
    would_write_back: bool
    plan_off: bool = False

    @property
    def counts(self) -> bool:
        """Whether it surely counts for reset."""
        return self.holding.reset == YES

    @property
    def unsure(self) -> bool:
        """Whether it may count."""
        return UNDETERMINED in (self.holding.reset, self.holding.writeback)


def error_code(error: str | None) -> str:
    """The code of an assignment's error: empty for null, empty and the string None; Others as Other."""
    if not error or error.casefold() == "none":
        return ""
    return "Other" if error.casefold() in ("other", "others") else error


def held(user: User) -> Mapping[str, tuple[frozenset[str], Sources]]:
    """The SKUs on a user by id, each with its disabled plans and sources; also those that only fail.

    A SKU whose assignment by a group fails may be missing from assignedLicenses; it is read so that the
    verdict can name it. One that is merely Active among the states, yet not assigned, is not held.
    """
    sources = _sources(user)
    found: dict[str, tuple[frozenset[str], Sources]] = {}
    for one in user.assigned_licenses:
        disabled = frozenset(one.disabled_plans)
        if one.sku_id in found:
            disabled &= found[one.sku_id][0]
        found[one.sku_id] = (disabled, sources.get(one.sku_id, ASSIGNED))
    for state in user.license_assignment_states:
        if state.sku_id not in found and sources[state.sku_id].failing:
            found[state.sku_id] = (_disabled_everywhere(user, state.sku_id), sources[state.sku_id])
    return dict(sorted(found.items()))


def _sources(user: User) -> dict[str, Sources]:
    states: dict[str, list[tuple[str, str | None]]] = {}
    for one in user.license_assignment_states:
        states.setdefault(one.sku_id, []).append((one.state.casefold(), one.assigned_by_group))
    return {
        sku_id: Sources(
            failing=not any(state in COUNTING for state, _ in listed),
            noted=any(state == "activewitherror" for state, _ in listed),
            groups=tuple(sorted({group for state, group in listed if group and state not in COUNTING})),
        )
        for sku_id, listed in states.items()
    }


def _disabled_everywhere(user: User, sku_id: str) -> frozenset[str]:
    each = [frozenset(s.disabled_plans) for s in user.license_assignment_states if s.sku_id == sku_id]
    return frozenset.intersection(*each)


def paid(subscriptions: Iterable[CommerceSubscription], consumed: int) -> tuple[str, bool]:
    """Whether a SKU rests on a purchase: yes, no, undetermined; and whether an isTrial was unreadable.

    A trial and a purchase of one SKU share a pool of seats, so a single assignment belongs to neither: it is
    surely paid only if the purchased seats alone would do. Without a working subscription the class decides.
    An unreadable one counts as paid.
    """
    working = [one for one in subscriptions if one.status.casefold() in WORKING]
    unreadable = any(one.is_trial is None for one in working)
    bought = [one for one in working if not one.is_trial]
    if len(bought) == len(working):
        return YES, unreadable
    if not bought:
        return NO, unreadable
    enough = sum(one.total for one in bought) >= consumed
    return (YES if enough else UNDETERMINED), unreadable


class SkuReader:
    """Reads SKUs of one tenant by one edition, under one choice of `contested` and `developer_skus`.

    `skus` is the tenant's own list by id; empty: it has never been read, and our table serves alone.
    Readings are remembered: the same SKU, plans and sources give the same object.
    """

    def __init__(
        self, edition: Edition, table: SkuTable, skus: Mapping[str, Sku], contested: str, developer_skus: str
    ) -> None:
        self._edition = edition
        self._table = table
        self._skus = skus
        self._contested = contested
        self._count_developer = developer_skus == "count"
        self._plan_ids = {key: plan for plan, key in table.plans.items()}
        self._readings: dict[tuple[str, frozenset[str], Sources], Reading] = {}

    def read(self, sku_id: str, disabled: frozenset[str], sources: Sources) -> Reading:
        """The reading of one SKU on one user."""
        key = (sku_id, disabled.intersection(self._table.plans), sources)
        reading = self._readings.get(key)
        if reading is None:
            if len(self._readings) >= REMEMBERED:
                self._readings.clear()
            reading = self._readings[key] = self._read(*key)
        return reading

    def entra_plans(self, sku_id: str) -> tuple[str, ...]:
        """The Entra plans in a SKU, best first, as its reading takes them."""
        return self._entra_plans(self._table.get(sku_id), self._skus.get(sku_id))

    def _read(self, sku_id: str, disabled: frozenset[str], sources: Sources) -> Reading:
        """The order of decision of judgement.md §2; the reason names the step that decided."""
        entry, sku = self._table.get(sku_id), self._skus.get(sku_id)
        worth = self._worth(sku_id, entry, sku, disabled)
        nobody = self._for_nobody(entry)
        if self._skus and sku is None:
            return _gone(sku_id, worth if entry else None, nobody)
        if nobody:
            return _lost(sku_id, nobody, worth, nobody=nobody)
        if sources.failing:
            because = tuple(Because(kind="licence-errors", about=sku_id, subject=g) for g in sources.groups)
            return _lost(sku_id, "assignment-failed", worth, because=because)
        if sku and (sku.usable <= 0 or sku.status.casefold() not in WORKING):
            return _lost(sku_id, "sku-suspended", worth)
        return _counted(sku_id, worth, _warnings(worth, sku, sources))

    def _for_nobody(self, entry: SkuEntry | None) -> str:
        """Steps 1 and 2: the reason why a SKU never counts for a person; empty if it may."""
        if entry and entry.sku_class.step == "not-a-person":
            return entry.sku_class.reason
        if entry and entry.sku_class.step == "developer" and not self._count_developer:
            return "developer-ignored"
        return ""

    def _worth(self, sku_id: str, entry: SkuEntry | None, sku: Sku | None, disabled: frozenset[str]) -> Worth:
        worth = self._by_plan(self._entra_plans(entry, sku), disabled, sku_id)
        if worth is None:
            worth = self._by_class(sku_id, entry, sku)
        elif worth.answer != YES and entry and entry.sku_class.step == "paid":
            # Where the edition doubts the plan, the class may still be surely paid.
            by_class = self._by_class(sku_id, entry, sku)
            if _RANK[by_class.answer] > _RANK[worth.answer]:
                worth = by_class
        if entry and entry.sku_class.step == "developer" and worth.answer != NO:
            reason = "developer" if worth.answer == YES and worth.reason != "contested" else worth.reason
            warnings = (*worth.warnings, "developer-sku")
            return msgspec.structs.replace(worth, reason=reason, warnings=warnings)
        return worth

    def _entra_plans(self, entry: SkuEntry | None, sku: Sku | None) -> tuple[str, ...]:
        """The Entra plans inside, best first: the tenant's word on its SKU goes before ours."""
        if sku is not None:
            inside = {self._table.plans[plan] for plan in sku.plans if plan in self._table.plans}
            return tuple(key for key in PLANS if key in inside)
        return entry.entra_plans if entry else ()

    def _by_plan(self, inside: tuple[str, ...], disabled: frozenset[str], sku_id: str) -> Worth | None:
        """Step 3. P2 implies P1, so either of them, still switched on, is enough; both off is `plan-off`."""
        if not inside:
            return None
        premium = [key for key in inside if self._edition.plans[key].tier is Tier.P1]
        candidates = premium or list(inside[:1])
        on = [key for key in candidates if self._plan_ids[key] not in disabled]
        key = (on or candidates)[0]
        answer = self._edition.plans[key]
        worth = self._answered(answer, key, sku_id)
        if worth.answer == NO:
            return worth
        return msgspec.structs.replace(
            worth,
            writeback=worth.answer if on and answer.tier is Tier.P1 else NO,
            warnings=worth.warnings if on else ("plan-off", *worth.warnings),
            plan_off=not on,
        )

    def _by_class(self, sku_id: str, entry: SkuEntry | None, sku: Sku | None) -> Worth:
        """Steps 4 and 5, and step 2 for a developer SKU without an Entra plan."""
        if entry is None:
            return self._unclassed(sku_id, sku)
        answer = self._edition.classes[entry.sku_class.name]
        if entry.sku_class.step == "developer":
            return self._answered(answer, entry.sku_class.reason, sku_id)
        if entry.sku_class.step != "paid":
            return _nothing(entry.sku_class.reason)
        bought, unreadable = paid(sku.subscriptions, sku.consumed) if sku else (YES, False)
        if bought == NO:
            return _nothing("trial-subscription")
        worth = self._answered(answer, entry.sku_class.reason, sku_id)
        if worth.answer == NO:
            return worth
        if unreadable:
            worth = msgspec.structs.replace(worth, warnings=(*worth.warnings, "is-trial-unreadable"))
        if bought == UNDETERMINED:
            missing = Because(kind="evidence-missing", about=f"trial:{sku_id}")
            worth = msgspec.structs.replace(
                worth, answer=UNDETERMINED, reason="trial-undetermined", because=(missing, *worth.because)
            )
        return worth

    def _unclassed(self, sku_id: str, sku: Sku | None) -> Worth:
        """Step 5: not in our table. Without the tenant's plans it might be anything.

        Where the tenant's SKUs were never read, that is what is missing, not a row of our table.
        """
        if sku is None:
            return Worth(
                answer=UNDETERMINED,
                tier=Tier.P1,
                writeback=UNDETERMINED,
                reason="sku-unknown",
                because=(Because(kind="evidence-missing", about="skus"),),
            )
        if self._table.office_plans.isdisjoint(sku.plans):
            return _nothing("not-office")
        return Worth(
            answer=UNDETERMINED,
            tier=Tier.CLOUD,
            writeback=NO,
            reason="sku-unknown",
            because=(Because(kind="sku-unknown", about=sku_id),),
        )

    def _answered(self, answer: Answer, reason: str, sku_id: str) -> Worth:
        """The edition's answer as it is under the administrator's choice for what Microsoft contests."""
        if answer.answer == "yes":
            return Worth(answer=YES, tier=answer.tier, writeback=NO, reason=reason)
        if answer.answer == "no":
            return _nothing("edition-no")
        warnings = ("contested",)
        if self._contested == "covered":
            return Worth(answer=YES, tier=answer.tier, writeback=NO, reason="contested", warnings=warnings)
        if self._contested == "uncovered":
            return msgspec.structs.replace(_nothing("contested-no"), warnings=warnings)
        return Worth(
            answer=UNDETERMINED,
            tier=answer.tier,
            writeback=NO,
            reason="contested",
            warnings=warnings,
            because=(Because(kind="sku-contested", about=sku_id),),
        )


_RANK = {NO: 0, UNDETERMINED: 1, YES: 2}


def _nothing(reason: str) -> Worth:
    return Worth(answer=NO, tier=Tier.NONE, writeback=NO, reason=reason)


def _warnings(worth: Worth, sku: Sku | None, sources: Sources) -> tuple[str, ...]:
    """What should be seen of a licence that counts or may count; of one that does not, only `contested`."""
    warnings = list(worth.warnings)
    if worth.answer != NO:
        if sources.noted:
            warnings.append("active-with-error")
        if sku and (sku.status.casefold() == "warning" or (sku.enabled <= 0 and sku.warning > 0)):
            warnings.append("sku-grace")
        elif sku and sku.consumed > sku.usable:
            warnings.append("pool-short")
    return tuple(sorted(warnings))


def _counted(sku_id: str, worth: Worth, warnings: tuple[str, ...]) -> Reading:
    holding = Holding(
        sku_id=sku_id,
        reset=worth.answer,
        writeback=worth.writeback,
        tier=worth.tier,
        reason=worth.reason,
        warnings=warnings,
        because=worth.because,
    )
    return Reading(
        holding=holding,
        cause=worth.reason,
        would_write_back=worth.writeback != NO,
        plan_off=worth.plan_off and worth.answer == YES and worth.tier is Tier.P1,
    )


def _lost(
    sku_id: str, reason: str, worth: Worth, *, nobody: str = "", because: tuple[Because, ...] = ()
) -> Reading:
    """A licence that does not count. `tier` still says what it would give a person.

    `nobody`: it gives a person nothing, for this reason.
    """
    would = Tier.NONE if nobody else worth.tier
    holding = Holding(sku_id=sku_id, reset=NO, writeback=NO, tier=would, reason=reason, because=because)
    repairable = would > Tier.NONE
    return Reading(
        holding=holding,
        cause=reason if repairable else nobody or worth.reason,
        would_write_back=worth.writeback == YES,
    )


def _gone(sku_id: str, worth: Worth | None, nobody: str) -> Reading:
    """A SKU that the tenant has no more. Unclassed, it stays the cause: nobody can say it gave nothing."""
    if worth is not None:
        return _lost(sku_id, "sku-gone", worth, nobody=nobody)
    holding = Holding(sku_id=sku_id, reset=NO, writeback=NO, tier=Tier.NONE, reason="sku-gone")
    return Reading(holding=holding, cause="sku-gone", would_write_back=False)
