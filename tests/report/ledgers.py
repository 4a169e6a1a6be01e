"""Ledgers of any size for the report's tests, in memory or in storage: judged by the real rules, from a seed.

`made(n)` makes the books as a first reading of n users and what came after would have left them; `fill` puts
them into storage. 100,000 users take some twenty seconds.
"""

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from shared import findings
from shared.judgement import Judge
from shared.ledger import manifest as layout
from shared.ledger import shards as books
from shared.ledger.commits import UserReading, apply_readings
from shared.ledger.journal import lines_of, write_lines
from shared.ledger.manifest import Paths
from shared.ledger.records import Book, Manifest, Shard, TenantRecord, UserRecord
from shared.ledger.sealing import sealed, without
from shared.ledger.totals import totals_of
from shared.model import (
    AssignedLicense,
    CommerceSubscription,
    Evidence,
    EvidenceStatus,
    Judged,
    JudgedBy,
    LicenseAssignmentState,
    LicensingGroup,
    Sku,
    Standing,
    TenantFacts,
    User,
)
from shared.notify.exceptions.exemptions import Exemption
from shared.rules.loader import load_rules
from shared.rules.policy import Policy
from shared.storage import Storage
from shared.watch.tenant import judge_tenant

RULES = load_rules()
TENANT_ID = "7d3c0000-0000-4000-8000-00000000aaaa"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
"""When the last reading was made."""

E3 = "6fd2c87f-b296-42f0-b197-1e91e994b900"  # Office 365 E3
EMS = "efccb6f7-5641-4e0e-bd10-b4976e1bf68e"  # Enterprise Mobility + Security E3
FREE = "f30db892-07e9-47e9-837c-80727f46fd3d"  # Power Automate Free
GROUP = "9f000000-0000-4000-8000-000000000001"
POLICY = Policy(scope="all", writeback="on")

_GIVEN = (
    "Ada",
    "Grace",
    "Alan",
    "Edsger",
    "Barbara",
    "Niklaus",
    "Margaret",
    "Dennis",
    "Frances",
    "Ken",
    "Zoë",
)
_FAMILY = ("Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Wirth", "Hamilton", "Ritchie", "Allen")


class Made(msgspec.Struct, frozen=True):
    """The books of one tenant, as storage has them; journals by book, by number."""

    manifest: Manifest
    tenant: TenantRecord
    shards: dict[str, Shard]
    journals: dict[str, dict[int, bytes]]
    exceptions: tuple[Exemption, ...] = ()

    @property
    def users(self) -> Iterator[UserRecord]:
        """All records, tombstones too."""
        for shard in self.shards.values():
            yield from shard.users.values()


def user_id(number: int) -> str:
    """The object id of a numbered user."""
    return f"a0000000-0000-4000-8000-{number:012x}"


def facts_of(n: int) -> TenantFacts:
    """A tenant with enough Office licences and too few of those that write back."""
    plans = {key: plan for plan, key in RULES.skus.plans.items()}
    read = Evidence(status=EvidenceStatus.OK, read_at=NOW - timedelta(minutes=20), tried_at=NOW)
    skus = {
        E3: Sku(sku_id=E3, part_number="ENTERPRISEPACK", enabled=n, consumed=n * 6 // 10),
        EMS: Sku(sku_id=EMS, part_number="EMS", enabled=n // 3, consumed=n * 3 // 10, plans=(plans["p1"],)),
        FREE: Sku(sku_id=FREE, part_number="FLOW_FREE", enabled=10_000, consumed=n // 10),
    }
    bought = {
        key: msgspec.structs.replace(
            sku,
            subscriptions=(
                CommerceSubscription(id=key, status="Enabled", is_trial=False, total=sku.enabled),
            ),
        )
        for key, sku in skus.items()
    }
    return TenantFacts(
        tenant_id=TENANT_ID,
        generation=1,
        policy=POLICY.fingerprint(RULES.digest),
        observed_at=NOW,
        country="NL",
        display_name="Contoso",
        on_premises_sync=True,
        domains=("contoso.example",),
        skus=bought,
        groups={GROUP: LicensingGroup(id=GROUP, display_name="Licences: EMS", sku_ids=(EMS,))},
        evidence=dict.fromkeys(("skus", "subscriptions", "organization", "groups"), read),
    )


def user_of(number: int, rng: random.Random) -> User:
    """A user of the mix: most in order, some without a licence, some with a failed assignment."""
    lot = rng.random()
    synced = rng.random() < 0.5
    enabled = rng.random() > 0.06
    held: tuple[str, ...] = (E3, EMS)
    failing = False
    if lot < 0.06:
        held = ()
    elif lot < 0.10:
        held = (FREE,)
    elif lot < 0.16:
        held = (E3,)
    elif lot < 0.18:
        held, failing = (E3, EMS), True
    name = f"{rng.choice(_GIVEN)} {rng.choice(_FAMILY)}"
    return User(
        id=user_id(number),
        user_principal_name=f"{name.split()[0].lower()}.{number}@contoso.example",
        display_name=name,
        account_enabled=enabled,
        user_type="Member",
        usage_location="NL",
        on_premises_sync_enabled=synced or None,
        assigned_licenses=tuple(AssignedLicense(sku_id=one) for one in held),
        license_assignment_states=tuple(
            LicenseAssignmentState(
                sku_id=one,
                state="Error" if failing and one == EMS else "Active",
                error="CountViolation" if failing and one == EMS else None,
                assigned_by_group=GROUP if one == EMS else None,
            )
            for one in held
        ),
    )


def made(
    n: int, *, seed: int = 1, policy: Policy = POLICY, baseline: bool = False, per_shard: int = 2_000
) -> Made:
    """The books of a tenant with `n` users, judged once eleven days ago and once now.

    One in fifty was another then, so that the journals tell of findings that opened, changed and ended.
    `baseline`: the first reading has not ended yet.
    """
    rng = random.Random(seed)
    shards_count = 1 << max(0, -(-n // per_shard) - 1).bit_length()
    manifest = Manifest(
        tenant_id=TENANT_ID,
        epoch="20261101T000000Z-abcdef",
        shards=shards_count,
        created_at=NOW - timedelta(30),
    )
    facts = facts_of(n)
    judge = Judge(RULES, policy, facts)
    by_shard: dict[str, list[User]] = {name: [] for name in books.shard_names(shards_count)}
    for number in range(1, n + 1):
        user = user_of(number, rng)
        by_shard[books.shard_of(user.id, shards_count)].append(user)

    def reading(user: User, at: datetime) -> UserReading:
        judged: Judged = judge.judged(user, Standing(), at)
        return UserReading(
            user=user,
            judged=judged,
            observed_at=at,
            judged_by=JudgedBy(generation=1, policy=facts.policy),
            findings=findings.of_user(user, judged, Standing(), facts, RULES, policy, at),
            edition=policy.edition,
            evidence={"skusAt": NOW.isoformat()},
        )

    shards: dict[str, Shard] = {}
    journals: dict[str, dict[int, bytes]] = {}
    for name, users in by_shard.items():
        changed = [user for user in users if rng.random() < 0.02]
        steps = (
            [reading(user, NOW - timedelta(days=11)) for user in users],
            [reading(_other(user), NOW - timedelta(days=4)) for user in changed],
            [reading(user, NOW - timedelta(hours=2)) for user in changed],
        )
        shard = Shard(name=name)
        journals[name] = {}
        for step in steps:
            shard = _committed(shard, step, manifest, journals[name])
        shards[name] = shard
    everybody = [record for shard in shards.values() for record in shard.users.values()]
    record = TenantRecord(
        name=layout.TENANT,
        facts=facts,
        totals=totals_of(everybody),
        baseline_ended_at=None if baseline else NOW - timedelta(days=10),
        counted_at=NOW,
    )
    tenant, _ = judge_tenant(record, RULES, policy, NOW)
    return Made(manifest, tenant, shards, journals, _exceptions(everybody))


def _other(user: User) -> User:
    """As the user was for some days: without licences, or with those that were lacking."""
    if user.assigned_licenses:
        return msgspec.structs.replace(user, assigned_licenses=(), license_assignment_states=())
    held = (E3, EMS)
    return msgspec.structs.replace(
        user,
        assigned_licenses=tuple(AssignedLicense(sku_id=one) for one in held),
        license_assignment_states=tuple(LicenseAssignmentState(sku_id=one, state="Active") for one in held),
    )


def _committed(
    shard: Shard, readings: list[UserReading], manifest: Manifest, journal: dict[int, bytes]
) -> Shard:
    """One commit and its journal blob, as the ledger makes them, without storage."""
    at = max((one.observed_at for one in readings), default=NOW)
    changed, outcome = apply_readings(shard, readings, at, TENANT_ID, RULES)
    shard = sealed(changed, f"{at:%d%H%M}", outcome.transitions, at)
    for entry in shard.outbox:
        lines = lines_of(manifest.tenant_id, manifest.epoch, shard.name, entry, RULES)
        journal[entry.seq] = write_lines(lines)
    return without(shard, (entry.seq for entry in shard.outbox))


def _exceptions(records: list[UserRecord]) -> tuple[Exemption, ...]:
    """One for a user, one for a kind, where there is somebody to except."""
    found = sorted(one.id for one in records if one.open)[:1]
    ends = NOW + timedelta(days=20)
    return tuple(
        Exemption(
            id=f"e-{n:08x}",
            owner="Grace <grace@contoso.example>",
            reason="=agreed with the auditor",
            until=ends,
            created_at=NOW - timedelta(days=3),
            subject_type="user",
            subject_id=subject,
        )
        for n, subject in enumerate(found)
    )


async def fill(storage: Storage, ledger: Made) -> None:
    """Put the books, their journals and the exceptions into empty storage."""
    manifest, paths = ledger.manifest, Paths(ledger.manifest)
    await storage.ledger.put(layout.manifest_path(TENANT_ID), msgspec.json.encode(manifest))
    turns = asyncio.Semaphore(8)

    async def put(book: Book) -> None:
        async with turns:
            await storage.ledger.put(paths.book(book.name), books.encode(book), books.labels(book))
            for seq, data in ledger.journals.get(book.name, {}).items():
                await storage.alerts.put(paths.journal(book.name, seq), data, gzip=False)

    await asyncio.gather(*(put(book) for book in (ledger.tenant, *ledger.shards.values())))
    exceptions = msgspec.json.encode({"schema": 1, "exceptions": ledger.exceptions})
    await storage.ledger.put(layout.exceptions_path(TENANT_ID), exceptions)
