"""(user, facts, edition) -> verdict (judgement.md §1-§4). Pure: the same facts give the same verdict.

`Judge` is made once for a tenant's facts and asked about many users: what depends on facts, policy or rules
alone is worked out once, and users with the same licences share their reading.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from shared.holdings import Reading, SkuReader, held
from shared.model import Judged, Registration, Standing, TenantFacts, User, Verdict
from shared.reach import Population, Reach
from shared.rules.editions import Edition
from shared.rules.loader import Rules
from shared.rules.policy import Policy
from shared.verdict import Composer, Profile, profile

REMEMBERED = 4_000
"""How many different sets of licences a judge keeps; then it starts anew, so its memory stays flat."""


class Grounds(msgspec.Struct, frozen=True, kw_only=True):
    """One edition's verdict on one user and what it rests on, as the judge itself had it.

    `reach`: before the table of verdicts had its say. `readings`: of the licences, in order of ids;
    `entra_plans`: the Entra plans in each of them, best first. `internal_guests`: the choice made.
    `freed`: as an administrator the user needs no licence to reset in the cloud.
    """

    edition: Edition
    verdict: Verdict
    reach: Reach
    readings: tuple[Reading, ...]
    entra_plans: Mapping[str, tuple[str, ...]]
    internal_guests: str
    freed: bool


class Judge:
    """Judges users of one tenant as its facts stand, under one policy, by every edition.

    Raises `KeyError` if the policy names an edition that does not exist. Not for use by several threads.
    """

    def __init__(self, rules: Rules, policy: Policy, facts: TenantFacts) -> None:
        governing = rules.edition(policy.edition)
        others = [edition for edition in rules.editions.values() if edition.id != governing.id]
        choices = [_option(edition, policy, "internal_guests") for edition in (governing, *others)]
        self._populations = {choice: Population(facts, policy, choice) for choice in choices}
        self._population = self._populations[choices[0]]
        # Mostly the editions choose alike, and then there is one reach to ask for.
        self._reach: Callable[[User, Standing, Registration | None, datetime, bool], object]
        self._reach = self._population.reach if len(self._populations) == 1 else self._reaches
        self._benches = [
            _Bench(edition, rules, policy, facts, choice)
            for edition, choice in zip((governing, *others), choices, strict=True)
        ]
        self._resource_like = rules.skus.resource_like
        self._holders: dict[object, _Holder] = {}
        self._known = self._holders.get
        self._counts_at: datetime | None = None

    def judged(self, user: User, standing: Standing, at: datetime) -> Judged:
        """The governing edition's verdict on the user at that time, and the state each other would give."""
        # The raw tuples are the key: hashing them costs less than any reading of them.
        holder = self._known((user.assigned_licenses, user.license_assignment_states)) or self._holder(user)
        row = standing.registration
        if row is not None and at is not self._counts_at:
            row = self._row_at(row, at)
        answers = holder.synced if user.on_premises_sync_enabled is True else holder.cloud_only
        key = self._reach(user, standing, row, at, holder.resource)
        if row is not None and row.is_admin:
            key = (key, "administrator")
        judged = answers.get(key)
        if judged is None:
            judged = answers[key] = self._judge(user, standing, row, at, holder)
        return judged

    def grounds(self, user: User, standing: Standing, at: datetime) -> tuple[Grounds, ...]:
        """What each edition says and why, the governing one first; for `explain`, not for many users."""
        holder = self._holder(user)
        row = self._population.row_in_force(standing, at)
        administrator = row is not None and row.is_admin
        reaches = self._reaches(user, standing, row, at, holder.resource)
        return tuple(
            Grounds(
                edition=bench.edition,
                verdict=bench.composer.verdict(
                    licences, reach, synced=user.synced, administrator=administrator
                ),
                reach=reach,
                readings=licences.readings,
                entra_plans={
                    one.holding.sku_id: bench.entra_plans(one.holding.sku_id) for one in licences.readings
                },
                internal_guests=bench.internal_guests,
                freed=administrator and bench.composer.frees_administrators,
            )
            for bench, licences, reach in zip(self._benches, holder.profiles, reaches, strict=True)
        )

    def row_in_force(self, standing: Standing, at: datetime) -> Registration | None:
        """The user's row of the registration report, if the report still counts at that time."""
        return self._population.row_in_force(standing, at)

    def _row_at(self, row: Registration, at: datetime) -> Registration | None:
        """The row, if the report still counts then: users of one page were all asked for at one time."""
        if not self._population.readable(at):
            return None
        self._counts_at = at
        return row

    def _judge(
        self, user: User, standing: Standing, row: Registration | None, at: datetime, holder: "_Holder"
    ) -> Judged:
        reaches = self._reaches(user, standing, row, at, holder.resource)
        administrator = row is not None and row.is_admin
        verdicts = [
            bench.composer.verdict(licences, reach, synced=user.synced, administrator=administrator)
            for bench, licences, reach in zip(self._benches, holder.profiles, reaches, strict=True)
        ]
        others = zip(self._benches[1:], verdicts[1:], strict=True)
        return Judged(verdict=verdicts[0], others={bench.edition.id: other.state for bench, other in others})

    def _reaches(
        self, user: User, standing: Standing, row: Registration | None, at: datetime, resource: bool
    ) -> tuple[Reach, ...]:
        by_choice = {
            choice: population.reach(user, standing, row, at, resource)
            for choice, population in self._populations.items()
        }
        return tuple(by_choice[bench.internal_guests] for bench in self._benches)

    def _holder(self, user: User) -> "_Holder":
        key = (user.assigned_licenses, user.license_assignment_states)
        holder = self._holders.get(key)
        if holder is None:
            if len(self._holders) >= REMEMBERED:
                self._holders.clear()
            holder = self._holders[key] = _Holder(
                resource=bool(user.assigned_licenses)
                and all(self._resource_like(one.sku_id) for one in user.assigned_licenses),
                profiles=[bench.profile(user) for bench in self._benches],
            )
        return holder


class _Holder(msgspec.Struct):
    """One set of licences: its reading by each edition, and the answers given so far, by what they rest on.

    Besides licences and synchronisation that is the reach by each edition, and being an administrator: time
    and all else that is known of a user have their say in the reach. There are some twenty of these.
    """

    resource: bool
    profiles: list[Profile]
    synced: dict[object, Judged] = {}
    cloud_only: dict[object, Judged] = {}


class _Bench:
    """One edition ready to judge."""

    def __init__(
        self, edition: Edition, rules: Rules, policy: Policy, facts: TenantFacts, internal_guests: str
    ) -> None:
        self.edition = edition
        self.internal_guests = internal_guests
        self.composer = Composer(
            edition,
            policy.writeback,
            _option(edition, policy, "synced_without_writeback"),
            _option(edition, policy, "administrators"),
        )
        self._reader = SkuReader(
            edition, rules.skus, facts.skus, _option(edition, policy, "contested"), policy.developer_skus
        )

    def profile(self, user: User) -> Profile:
        """The user's licences read by this edition."""
        return profile(self._reader.read(sku_id, *how) for sku_id, how in held(user).items())

    def entra_plans(self, sku_id: str) -> tuple[str, ...]:
        """The Entra plans in a SKU as they are read, best first."""
        return self._reader.entra_plans(sku_id)


def _option(edition: Edition, policy: Policy, name: str) -> str:
    """An option: the administrator's word if there is one, else the edition's."""
    chosen = getattr(policy, name)
    return str(chosen) if chosen else edition.options[name]
