"""Readings to commit, made to measure. Their findings are of the rules' own kinds, for the real `advance`."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from shared.ledger.commits import CommitOutcome, UserReading, apply_readings
from shared.ledger.records import Shard
from shared.ledger.tombstones import Absence
from shared.model import (
    AssignedLicense,
    Finding,
    Holding,
    Judged,
    JudgedBy,
    Part,
    Severity,
    State,
    Tier,
    User,
    Verdict,
)
from shared.rules.loader import load_rules

RULES = load_rules()
TENANT_ID = "00000000-0000-0000-0000-00000000beef"
EDITION = "2017-10-24"
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

UNCOVERED = Finding(
    kind="coverage",
    state="uncovered",
    severity=Severity.HIGH,
    rule="S4",
    cause="nothing-held",
    facts={"held": []},
)
CANNOT_WRITE_BACK = Finding(
    kind="coverage",
    state="writeback-uncovered",
    severity=Severity.HIGH,
    rule="S7",
    cause="cloud-level-only",
    skus=("sku-e3",),
)
FAILED = Finding(
    kind="assignment-error",
    state="error",
    severity=Severity.HIGH,
    cause="CountViolation",
    about="sku-ems",
    skus=("sku-ems",),
)


def after(seconds: float) -> datetime:
    """That long after the tests' first moment."""
    return START + timedelta(seconds=seconds)


def user_id(number: int) -> str:
    """The object id of a numbered user."""
    return f"00000000-0000-0000-0000-{number:012x}"


def verdict_of(found: Iterable[Finding]) -> Verdict:
    """A verdict to go with these findings; its holdings must not reach the ledger."""
    states = [State(one.state) for one in found if one.kind == "coverage"]
    holding = Holding(sku_id="sku-e3", reset="yes", writeback="no", tier=Tier.CLOUD, reason="paid-suite")
    return Verdict(
        state=states[0] if states else State.COVERED,
        rule="S4",
        cause="nothing-held" if states else "p1",
        reach="report",
        reset=Part(answer="no" if states else "yes", rule="S4"),
        writeback=Part(answer="not-asked"),
        holdings=(holding,),
    )


def reading(
    user: int = 1,
    *found: Finding,
    seen: float = 0,
    generation: int = 1,
    enabled: bool = True,
    name: str = "Ada Lovelace",
    skus: tuple[str, ...] = ("sku-e3",),
    heard: float | None = None,
    since: float | None = None,
    baseline: bool = False,
) -> UserReading:
    """User number `user`, observed `seen` seconds after `START`, with these findings.

    `heard`: when the notification came; `since`: when the delta round before ended; both in seconds.
    """
    verdict = verdict_of(found)
    return UserReading(
        user=User(
            id=user_id(user),
            user_principal_name=f"{name.split()[0].lower()}@contoso.example",
            display_name=name,
            account_enabled=enabled,
            usage_location="NL",
            assigned_licenses=tuple(AssignedLicense(sku_id=one) for one in skus),
        ),
        judged=Judged(verdict=verdict),
        observed_at=after(seen),
        judged_by=JudgedBy(generation=generation, policy="policy"),
        findings=found,
        edition=EDITION,
        evidence={"skusAt": START.isoformat()},
        heard_at=None if heard is None else after(heard),
        since=None if since is None else after(since),
        baseline=baseline,
    )


def absence(user: int = 1, seen: float = 0, since: float | None = None) -> Absence:
    """User number `user`, not found by a request `seen` seconds after `START`."""
    return Absence(
        user_id=user_id(user),
        observed_at=after(seen),
        since=None if since is None else after(since),
        edition=EDITION,
        evidence={"skusAt": START.isoformat()},
    )


async def one_user() -> int:
    """A count of users that makes a ledger of one shard."""
    return 1


def apply(shard: Shard, *news: UserReading | Absence, at: float = 100) -> tuple[Shard, CommitOutcome]:
    """One commit of all of these, readings first."""
    readings = [one for one in news if isinstance(one, UserReading)]
    absences = [one for one in news if isinstance(one, Absence)]
    return apply_readings(shard, readings, after(at), TENANT_ID, RULES, absences)
