"""What the doctor looks at: a row for each check, with every code that it can say and the light of each.

The words stand in the catalogue: `doctor.says.<check>`, `doctor.remedies.<check>`.
"""

import enum
from collections.abc import Mapping

import msgspec

from admin.doctor.lights import Light

G, A, R, S = Light.GREEN, Light.AMBER, Light.RED, Light.SKIPPED


class Needs(enum.StrEnum):
    """What a check can't do without. Whoever needs the ledger needs settings and storage too."""

    NOTHING = "nothing"
    SETTINGS = "settings"
    STORAGE = "storage"
    GRAPH = "graph"
    LEDGER = "ledger"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One check: in which group it is shown, what it needs, and the light of each code."""

    check: str
    group: str
    needs: Needs
    lights: Mapping[str, Light]


def _row(check: str, group: str, needs: Needs, **lights: Light) -> Row:
    return Row(
        check=check,
        group=group,
        needs=needs,
        lights={code.replace("_", "-"): light for code, light in lights.items()},
    )


ANY: Mapping[str, Light] = {
    "too-long": R,
    "graph": R,
    "storage": R,
    "broke": R,
    "newer": R,
    "needs-settings": S,
    "needs-storage": S,
    "needs-graph": S,
    "needs-ledger": S,
}
"""What every check can end in besides its own codes; words under `any`."""

ROWS: tuple[Row, ...] = (
    _row("settings", "settings", Needs.NOTHING, ok=G, fault=R, unseen=S, storage_only=S),
    _row("schedules", "settings", Needs.SETTINGS, ok=G, seldom=A, unreadable=A),
    _row("writeback", "settings", Needs.SETTINGS, ok=G, unknown=A),
    _row(
        "storage",
        "storage",
        Needs.NOTHING,
        ok=G,
        ok_person=G,
        unusable=R,
        signed_out=R,
        refused=R,
        unreached=R,
        no_settings=S,
    ),
    _row("writing", "storage", Needs.STORAGE, ok=G, refused=R),
    _row("places", "storage", Needs.STORAGE, ok=G, missing=R),
    _row("queues", "storage", Needs.STORAGE, ok=G, waiting=A, stuck=R),
    _row("poison", "storage", Needs.STORAGE, ok=G, some=A, old=R),
    _row("clock-storage", "clocks", Needs.STORAGE, ok=G, off=A, far=R, unknown=S),
    _row("clock-graph", "clocks", Needs.GRAPH, ok=G, off=A, far=R, unknown=S),
    _row("sign-in", "graph", Needs.SETTINGS, app=G, person=G, no_identity=S, refused=R, signed_out=R),
    _row("tenant", "graph", Needs.GRAPH, ok=G, by_token=G, other=R, unseen=S),
    _row(
        "permissions",
        "graph",
        Needs.GRAPH,
        ok=G,
        users=R,
        organization=R,
        ends=A,
        groups=R,
        groups_by_delta=A,
        registration=A,
        administrators=A,
        registration_needed=R,
        audit_log=R,
        policy=A,
        not_yet=A,
        no_app=R,
        unseen=S,
    ),
    _row("too-broad", "graph", Needs.GRAPH, ok=G, writes=A, unneeded=A, unseen=S),
    _row(
        "subscriptions",
        "notifications",
        Needs.LEDGER,
        ok=G,
        recorded=G,
        secret_unseen=S,
        none=R,
        left=A,
        forgone=A,
        expired=R,
        gone=R,
        elsewhere=R,
        forbidden=R,
        changed=R,
        previous=A,
        ends_soon=A,
    ),
    _row(
        "address",
        "notifications",
        Needs.SETTINGS,
        ok=G,
        slow=A,
        loopback=A,
        unreached=R,
        certificate=R,
        redirected=R,
        status=R,
        wrong_answer=R,
        topic=S,
    ),
    _row("forged", "notifications", Needs.SETTINGS, ok=G, unclear=A, unreached=A, believed=R),
    _row("cards", "telling", Needs.SETTINGS, sent=G, taken=G, failed=R, not_asked=S, unseen=S),
    _row("handovers", "telling", Needs.LEDGER, ok=G, waiting=G, never=A, failing=R),
    _row("digest", "telling", Needs.LEDGER, ok=G, off=G, waiting=G, late=A),
    _row("ledger", "watch", Needs.STORAGE, ok=G, none=R, others=R, unreadable=R, no_settings=S),
    _row("health", "watch", Needs.LEDGER, ok=G, problem=R, note=A, left=A),
    _row("sweep", "watch", Needs.LEDGER, ok=G, running=G, first=A, none=A, late=R),
    _row("delta", "watch", Needs.LEDGER, ok=G, none=A, lost=A, late=R),
    _row("gap", "watch", Needs.LEDGER, ok=G, quiet=G, none=S, missed=A, slow=A),
    _row("evidence", "watch", Needs.LEDGER, ok=G, none=A, failed=A, forbidden=A, expired=R),
    _row("exceptions", "watch", Needs.LEDGER, ok=G, ending=A, ending_today=A),
    _row("previous-secret", "watch", Needs.LEDGER, ok=G, said=A, unseen=S),
)
"""In the order in which they are shown."""

BY_NAME: Mapping[str, Row] = {row.check: row for row in ROWS}


def light_of(check: str, code: str) -> Light:
    """The light of a code. Raises KeyError for one that is not in the table."""
    own = BY_NAME[check].lights
    return own[code] if code in own else ANY[code]
