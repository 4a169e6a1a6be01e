"""Whose verdict may be another since the tenant's facts changed: holders of SKUs, or everybody. Pure.

Facts change without a word from Graph about any user: a subscription lapses, a trial ends, a report ages. So
it is remembered how each SKU is read, and whoever holds one that is read otherwise is looked at again
(design §4.6). What only counts (seats used, names, dates without consequence) makes nobody's verdict another.
"""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec

from shared.findings.licences import Licences, licences_of
from shared.holdings import ASSIGNED, SkuReader
from shared.model import TenantFacts
from shared.rules.loader import Rules
from shared.rules.policy import Policy

EVERYBODY = "*"
"""Stands for all users where ids of SKUs are named."""

POLICY = "policy"
"""The key of the policy's fingerprint in `read_as`: readings under different ones are not compared."""


def read_as(facts: TenantFacts, rules: Rules, policy: Policy, at: datetime) -> dict[str, str]:
    """How each SKU of the tenant is read at that time, and what everybody's verdict rests on, as digests.

    Keys are SKU ids, `EVERYBODY` and `POLICY`. Equal digests: no verdict and no finding of a user who holds
    the SKU can be another because of it.
    """
    licences = licences_of(rules, policy, facts)
    readers = [_reader(licences, edition) for edition in sorted(rules.editions)]
    found = {
        sku_id: _digest([list(_readings(licences, readers, sku_id)), _ending(licences, sku_id, at)])
        for sku_id in facts.skus
    }
    return found | {EVERYBODY: _digest(_of_everybody(facts, policy, at)), POLICY: facts.policy}


def owed(before: Mapping[str, str], after: Mapping[str, str]) -> frozenset[str]:
    """SKUs that are read otherwise, came or went, and `EVERYBODY` where that may be; of two `read_as`.

    Under another policy everybody, also where it was in force before: meanwhile users were judged by the one
    in between. Nobody where nothing was remembered: then everybody is read anyway.
    """
    if not before:
        return frozenset()
    if before.get(POLICY) != after.get(POLICY):
        return frozenset({EVERYBODY})
    return frozenset(key for key in {*before, *after} if before.get(key) != after.get(key))


def _reader(licences: Licences, edition_id: str) -> SkuReader:
    rules, policy = licences.rules, licences.policy
    edition = rules.editions[edition_id]
    contested = policy.contested or edition.options["contested"]
    return SkuReader(edition, rules.skus, licences.facts.skus, contested, policy.developer_skus)


def _readings(licences: Licences, readers: list[SkuReader], sku_id: str) -> Iterator[object]:
    """An active assignment of it with no Entra plan switched off, each of them, and all.

    An assignment that fails needs no reading of its own: what it would be worth is the same.
    """
    plans = sorted(licences.rules.skus.plans.keys() & set(licences.facts.skus[sku_id].plans))
    off = [frozenset[str](), *(frozenset((plan,)) for plan in plans), frozenset(plans)]
    yield plans
    for reader in readers:
        for disabled in dict.fromkeys(off):
            yield msgspec.to_builtins(reader.read(sku_id, disabled, ASSIGNED))


def _ending(licences: Licences, sku_id: str, at: datetime) -> object:
    """The end of which its holders are told (`ends-soon`); None while it is far off, or covers nobody."""
    ending = licences.endings.get(sku_id)
    if ending is None or not licences.matters(sku_id):
        return None
    if ending.at is not None and ending.at - at > licences.policy.ends_soon:
        return None
    return [ending.cause, ending.at]


def _of_everybody(facts: TenantFacts, policy: Policy, at: datetime) -> object:
    """Who resets at home, which administrators may reset, and which evidence there is to go by.

    Evidence ages: a report that is older than its age in force is as good as none. It decides who is an
    administrator in every scope.
    """
    reported = facts.evidence_of("registration").read_at
    return [
        bool(facts.skus),
        facts.domains,
        facts.admin_sspr_allowed,
        reported is not None and at - reported <= policy.report_max_age,
        policy.scope == "groups" and facts.evidence_of("scope-groups").read_at is not None,
        policy.population == "used" and facts.evidence_of("audit").read_at is not None,
    ]


def _digest(value: object) -> str:
    return hashlib.blake2b(msgspec.json.encode(value), digest_size=6).hexdigest()
