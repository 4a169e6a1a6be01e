"""What a proof holds: facts read, licence by licence, edition by edition, what would change it. Data only."""

from collections.abc import Mapping
from datetime import datetime

from shared.model import Facts, State, Verdict

SCHEMA = 1

LIVE, LEDGER, SNAPSHOT = "live", "ledger", "snapshot"
"""Where the facts of a proof come from."""

PASSED, DECIDES, NOT_ASKED = "passed", "decides", "not-asked"
"""How a step of the question who is in reach ended for this user."""


class Account(Facts, frozen=True):
    """The user object, as far as anything rests on it. `issuers`: of the sign-in identities."""

    id: str
    upn: str = ""
    name: str = ""
    enabled: bool | None = None
    synced: bool = False
    user_type: str | None = None
    creation_type: str | None = None
    external_user_state: str | None = None
    issuers: tuple[str, ...] = ()
    usage_location: str | None = None
    created_at: datetime | None = None


class Reported(Facts, frozen=True):
    """The user's row of the registration report."""

    sspr_enabled: bool
    sspr_registered: bool
    sspr_capable: bool
    admin: bool
    updated_at: datetime | None = None


class Known(Facts, frozen=True):
    """What is known of the user beyond the user object; None where it is not known.

    `registration`: the row of the registration report; `report_in_force`: it is young enough to count.
    """

    registration: Reported | None = None
    report_in_force: bool = False
    in_scope_group: bool | None = None
    emergency: bool = False
    used: bool | None = None
    nested_in: tuple[str, ...] = ()


class FactRead(Facts, frozen=True):
    """A piece of evidence that the verdict may rest on. `age_seconds` at the time of the verdict.

    `name`: one of `EVIDENCE`, or `observed`: the user's own account. `status` as in `Evidence`.
    """

    name: str
    status: str
    read_at: datetime | None = None
    age_seconds: int | None = None


class PlanHeld(Facts, frozen=True):
    """An Entra plan in a SKU (`key`: p2, p1, basic, basic-edu). `on`: it is not switched off for the user."""

    key: str
    plan_id: str
    on: bool


class Source(Facts, frozen=True):
    """One way in which a SKU is assigned. `group`: its id, empty for a direct assignment.

    `error`: Microsoft's code, empty for none. `counts`: the assignment is in a state that counts.
    """

    group: str
    group_name: str
    state: str
    error: str
    counts: bool


class Seats(Facts, frozen=True):
    """The tenant's seats of a SKU. `paid`: whether they rest on a purchase: yes, no, undetermined."""

    status: str
    usable: int
    consumed: int
    free: int
    paid: str


class Licence(Facts, frozen=True):
    """A SKU on the user, or one that fails on them: facts alone, the same for every edition.

    `assigned`: it is in assignedLicenses. `sku_class` of our table, empty where it has none. `seats` None:
    the tenant has no such SKU, or its SKUs were never read. `plans_off`: ids of all plans switched off.
    """

    sku_id: str
    name: str
    part_number: str
    assigned: bool
    sku_class: str
    plans: tuple[PlanHeld, ...]
    plans_off: tuple[str, ...]
    sources: tuple[Source, ...]
    seats: Seats | None


class ReachStep(Facts, frozen=True):
    """One step of the question who is in reach. `code`: of an exclusion, or of the reason that decides.

    `answer` of the deciding one: in, out, unknown, not-yet (the report does not know the account yet).
    `missing`: the evidence that would settle what is unknown.
    """

    code: str
    outcome: str
    answer: str = ""
    missing: str = ""


class Said(Facts, frozen=True):
    """Whether an edition takes an Entra plan or a class of SKUs for a licence: yes, no or contested.

    `of`: the key of a plan, or `class`. `yes`, `no`: each side's sources.
    """

    of: str
    answer: str
    yes: str = ""
    no: str = ""


class RuleUsed(Facts, frozen=True):
    """A rule that the verdict names. `quote` is Microsoft's; `table_row`: of a row of a table."""

    id: str
    quote: str
    source: str
    table_row: bool = False


class Note(Facts, frozen=True):
    """Why a rule is applied, where its words alone do not say so.

    `rule`: its id. `about`: a SKU's id, or empty. `code`: `plan-off` (the licence's
    Entra plan is switched off, so it is no more than a cloud level) or `administrator-free` (an
    administrator's own reset in the cloud needs no licence).
    """

    code: str
    rule: str
    about: str = ""


class ByEdition(Facts, frozen=True):
    """What one edition says. `said`: by SKU id, what it makes of plans and class; `rules` that decided.

    `notes`: why some of them are applied. `verdict` is the judge's own, with how each SKU was read
    (`holdings`).
    """

    edition: str
    page: str
    governs: bool
    verdict: Verdict
    reach: tuple[ReachStep, ...]
    said: Mapping[str, tuple[Said, ...]]
    rules: tuple[RuleUsed, ...]
    notes: tuple[Note, ...] = ()


class Step(Facts, frozen=True):
    """One thing that could be otherwise. `about`: a SKU's id, a tier, or a setting with its value.

    `free`: seats free of that SKU; None where seats are not the matter.
    """

    code: str
    about: str = ""
    free: int | None = None


class Change(Facts, frozen=True):
    """A smallest change that turns the governing verdict, and the state that each edition would then give."""

    steps: tuple[Step, ...]
    states: Mapping[str, State]


class Proof(Facts, frozen=True):
    """The whole. `editions`: the governing one first.

    `source`: live, ledger or snapshot; `lacks`: what that source doesn't hold, so that it is missing here:
    `account`, `licences`, `editions`, `changes`. `differing`: states by the other editions that differ;
    `further`: changes that were found and left out.
    """

    schema: int
    tenant_id: str
    at: datetime
    source: str
    account: Account
    known: Known
    facts: tuple[FactRead, ...]
    licences: tuple[Licence, ...]
    editions: tuple[ByEdition, ...]
    differing: Mapping[str, State] = {}
    changes: tuple[Change, ...] = ()
    further: int = 0
    lacks: tuple[str, ...] = ()

    @property
    def state(self) -> State:
        """By the governing edition."""
        return self.editions[0].verdict.state
