"""What a report says, before anybody words it. Frozen data: codes, ids, counts, times."""

from collections.abc import Mapping
from datetime import date, datetime

from shared.model import Evidence, Facts, OpenFinding, Severity, State, Step, SubjectType, Tier

QUESTIONS = ("function", "compliance", "writeback")


class Question(Facts, frozen=True):
    """One of the three questions (design §1). `answer`: yes, no, unknown, not-asked; `rules` of the edition.

    `covered`, `uncovered`, `undetermined`: users of whom the question is asked, by the part of their verdict
    that answers it, of `writeback` synchronised ones; none for `function`, which is asked of the tenant.
    """

    code: str
    answer: str
    rules: tuple[str, ...] = ()
    covered: int = 0
    uncovered: int = 0
    undetermined: int = 0


class KindCount(Facts, frozen=True):
    """Open findings of one kind; `excepted` of them are not told."""

    kind: str
    subject: str
    severity: Severity
    open: int
    excepted: int = 0


class SkuSeats(Facts, frozen=True):
    """One SKU of the tenant that could cover somebody, or is held. Seats are units.

    `tier`: what an active assignment certainly gives by the governing edition. `reclaimable`: seats held by
    accounts that are disabled or out of reach.
    """

    sku_id: str
    name: str
    part_number: str
    status: str
    tier: Tier
    usable: int
    consumed: int
    free: int
    reclaimable: int = 0


class Need(Facts, frozen=True):
    """How many users still need a licence of a tier (`p1`, `cloud`), and where the seats are to come from."""

    tier: str
    users: int
    free: int
    reclaimable: int
    buy: int


class Disagreement(Facts, frozen=True):
    """An edition that is not the governing one, how many users it judges otherwise, and all by its states."""

    edition: str
    users: int
    states: Mapping[str, int] = {}


class Point(Facts, frozen=True):
    """One day of the trend: users by state then."""

    day: date
    users: int
    in_reach: int
    states: Mapping[str, int]
    edition: str = ""


class Excepted(Facts, frozen=True):
    """An exception in force, with the names that are known."""

    id: str
    kind: str
    subject_type: str
    subject_id: str
    subject: str
    owner: str
    reason: str
    until: datetime


class Concern(Facts, frozen=True):
    """An open finding of the tenant or of a group. `excepted`: the id of an exception that covers it."""

    subject_type: SubjectType
    subject_id: str
    open: OpenFinding
    excepted: str = ""


class Row(Facts, frozen=True):
    """A user to act on: somebody with an open finding, or on whom editions differ.

    `kinds`: of each open finding, the gravest first; empty where only the editions differ. `rule`, `cause`,
    `remedy`: of the gravest, else of the verdict. `since`: when the oldest of them opened. `skus`: ids of
    the products held. `others`: states by the editions that differ. `excepted`: the id of an exception that
    covers all of them, of several the one that ends first.
    """

    id: str
    upn: str
    name: str
    state: State
    rule: str = ""
    cause: str = ""
    kinds: tuple[str, ...] = ()
    severity: Severity = Severity.LOW
    since: datetime | None = None
    synced: bool = False
    skus: tuple[str, ...] = ()
    remedy: tuple[Step, ...] = ()
    others: Mapping[str, State] = {}
    excepted: str = ""


class Report(Facts, frozen=True):
    """The whole but the rows, of which there may be very many.

    `at`: when it was made; `source`: `ledger` or `audit`. `states`: users by state; `reach`: users out of
    reach by reason. `concerns`: the open findings of the tenant and of groups, gravest first. `rows`: how
    many users there are to act on. `names`: of the products, groups and users (not those of rows)
    that ids in the report stand for.
    `health`: problems of the watch; None where there is no watch (an audit). `baseline`: no reading of all
    users has ended yet, so what is counted here is only a part.
    """

    tenant_id: str
    tenant_name: str
    at: datetime
    source: str
    edition: str
    users: int
    in_reach: int
    states: Mapping[str, int]
    reach: Mapping[str, int]
    questions: tuple[Question, ...]
    kinds: tuple[KindCount, ...]
    skus: tuple[SkuSeats, ...]
    needs: tuple[Need, ...]
    disagreements: tuple[Disagreement, ...]
    rows: int = 0
    concerns: tuple[Concern, ...] = ()
    names: Mapping[str, str] = {}
    trend: tuple[Point, ...] = ()
    exceptions: tuple[Excepted, ...] = ()
    evidence: Mapping[str, Evidence] = {}
    health: tuple[str, ...] | None = None
    baseline: bool = False
    pseudonymised: bool = False
