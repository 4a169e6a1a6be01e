"""Users as read, judged by the tenant's facts: readings for the ledger. Asks neither Graph nor storage."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

import msgspec

from shared import findings
from shared.judgement import Judge
from shared.ledger.commits import UserReading
from shared.ledger.records import UserRecord
from shared.model import JudgedBy, Standing, TenantFacts, User
from shared.rules.loader import Rules
from shared.rules.policy import Policy
from shared.watch.tenant import evidence_times


class Choices(Protocol):
    """Settings, as far as judging reads them."""

    @property
    def policy(self) -> Policy:
        """The choices that change a verdict."""


class Judging(Protocol):
    """Who judges: the watch, or an audit."""

    @property
    def rules(self) -> Rules:
        """Of all editions."""

    @property
    def settings(self) -> Choices:
        """Those of this process."""

    def judge(self, facts: TenantFacts) -> Judge:
        """The judge by these facts."""


class Look(msgspec.Struct, frozen=True):
    """One user as read: `observed_at` is our clock just before the request was sent.

    `heard_at`: the notification that this reading answers. `since`: with a reading that delta asked for, when
    the round before ended.
    """

    user: User
    observed_at: datetime
    heard_at: datetime | None = None
    since: datetime | None = None


def readings_of(
    watch: Judging,
    facts: TenantFacts,
    looks: Iterable[Look],
    standings: Mapping[str, Standing],
    records: Mapping[str, UserRecord],
    *,
    baseline: bool,
) -> list[UserReading]:
    """Judge these users; `standings` has one for each, `records` only what the ledger has.

    `baseline`: the first complete reading of all users has not ended.
    """
    policy, rules = watch.settings.policy, watch.rules
    judge = watch.judge(facts)
    evidence = evidence_times(facts)
    by = JudgedBy(generation=facts.generation, policy=facts.policy)
    readings: list[UserReading] = []
    for look in looks:
        user, at = look.user, look.observed_at
        standing = _with_memory(standings[user.id], records.get(user.id), look)
        if standing.emergency and not policy.emergency_group:
            # The index remembers the members of a group that an earlier setting named.
            standing = msgspec.structs.replace(standing, emergency=False)
        judged = judge.judged(user, standing, at)
        readings.append(
            UserReading(
                user=user,
                judged=judged,
                standing=standing,
                observed_at=at,
                judged_by=by,
                findings=findings.of_user(user, judged, standing, facts, rules, policy, at),
                baseline=baseline,
                edition=policy.edition,
                evidence=evidence,
                heard_at=look.heard_at,
                since=look.since,
            )
        )
    return readings


def unknown_sku(looks: Iterable[Look], facts: TenantFacts) -> bool:
    """Whether somebody holds a SKU that the facts do not know: they may be older than its purchase."""
    skus = facts.skus
    return any(held.sku_id not in skus for look in looks for held in look.user.assigned_licenses)


def _with_memory(standing: Standing, record: UserRecord | None, look: Look) -> Standing:
    """Graph does not say since when an account is enabled; the ledger saw it disabled (judgement.md §3)."""
    if record is None or look.user.account_enabled is not True:
        return standing
    since = look.observed_at if record.disabled_seen else record.enabled_since
    return msgspec.structs.replace(standing, enabled_since=since) if since else standing
