"""An independent judge: Graph's JSON as plain dicts in, one plain dict out. Imports nothing of the product.

Every decision is a look-up in `decision_tables`; this file only works out what is the case. A `tenant` is a
dict of `skus` (rows of /subscribedSkus), `subscriptions` (rows of /directory/subscriptions), `domains`,
`admins_may_reset` (True, False, None) and `registration_read_at`. `known` is what the watch knows of one user
besides: `registration` (a row of the report or None), `in_scope_group`, `emergency`, `used`, `enabled_since`.
`policy` holds the options by their names, an empty one meaning "as the edition says".
"""

from datetime import datetime
from typing import Any

from tests.second_judge.decision_tables import (
    ASKS_WRITEBACK,
    COVERED_CAUSES,
    EXCLUSIONS,
    IN_REACH,
    POPULATION_TABLE,
    RULE_IDS,
    SCOPE_TABLE,
    SETTLED_BREACHES,
    TIERS,
    UNCOVERED_CAUSES,
    UNDETERMINED_CAUSES,
    VERDICT_TABLE,
    WRITEBACK_CAUSES,
    WRITEBACK_OFF,
)
from tests.second_judge.second_holdings import held_skus, only_for_resources, read_holding

Row = dict[str, Any]
LEVELS = ("none", "cloud", "p1-off", "p1")
HEX_DIGITS = set("0123456789abcdef")


def moment(text: str | None) -> datetime | None:
    """Graph's time, or None."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


# --- §3: reach ---------------------------------------------------------------------------------------------


def is_external(user: Row, tenant: Row) -> bool:
    """Invited, and no identity says that the credential lives here only; or invited and still pending."""
    state = (user["externalUserState"] or "").lower()
    invitation = (user["creationType"] or "").lower() == "invitation"
    if (invitation, state) == (True, "pendingacceptance"):
        return True
    invited = invitation or state != ""
    issuers = [i["issuer"] for i in user["identities"] if i["issuer"]]
    foreign = [issuer for issuer in issuers if issuer.lower() not in tenant["domains"]]
    return invited and (bool(foreign) or not issuers or not tenant["domains"])


def is_sync_account(user: Row) -> bool:
    """The accounts that directory synchronisation makes for itself."""
    alias = (user["userPrincipalName"] or "").lower().split("@")[0]
    word, *server, number = alias.split("_") if alias.count("_") > 1 else ("", "", "")
    connect = word == "sync" and "".join(server) != "" and len(number) == 12 and set(number) <= HEX_DIGITS
    name = user["displayName"] or ""
    return (
        connect
        or alias == "adtoaadsyncserviceaccount"
        or name == "On-Premises Directory Synchronization Service Account"
    )


def report_in_force(tenant: Row, policy: Row, at: datetime) -> bool:
    """The last complete reading of the report is not too old."""
    read_at = tenant["registration_read_at"]
    return read_at is not None and bool(at - read_at <= policy["report_max_age"])


def is_admin(tenant: Row, policy: Row, known: Row, at: datetime) -> bool:
    """The report in force says so."""
    row = known["registration"]
    return report_in_force(tenant, policy, at) and row is not None and bool(row["isAdmin"])


def report_says(column: str, user: Row, tenant: Row, policy: Row, known: Row, at: datetime) -> str:
    """`unreadable`, `young`, `old`, or what the row says: `yes`, `no`."""
    if not report_in_force(tenant, policy, at):
        return "unreadable"
    if known["registration"] is None:
        starts = [t for t in (moment(user["createdDateTime"]), known["enabled_since"]) if t]
        return "young" if starts and at - max(starts) < policy["report_grace"] else "old"
    return "yes" if known["registration"][column] else "no"


def reach_of(user: Row, tenant: Row, policy: Row, known: Row, at: datetime) -> str:
    """A reach code; `unknown:<evidence>` where it can't be told."""
    admin = is_admin(tenant, policy, known, at)
    condition = {
        "disabled": user["accountEnabled"] is not True,
        "sync_account": is_sync_account(user),
        "emergency": known["emergency"],
        "external": is_external(user, tenant),
        "internal_guest_out": user["userType"] == "Guest"
        and policy["internal_guests"] in ("", "not_in_reach"),
        "resource_out": policy["resource_accounts"] == "skip" and only_for_resources(user),
        "admin_switched_off": admin and tenant["admins_may_reset"] is False,
    }
    for name, code in EXCLUSIONS:
        if condition[name]:
            return str(code)
    scope: str = policy["scope"]
    enabled = report_says("isSsprEnabled", user, tenant, policy, known, at)
    said: Any = {"yes": "enabled", "no": "not-enabled"}.get(enabled, enabled)
    key = {"all": "-", "groups": known["in_scope_group"]}.get(scope, said)
    reach: str = "administrator" if admin else SCOPE_TABLE[(scope, key)]
    if reach not in IN_REACH:
        return reach
    capable = report_says("isSsprCapable", user, tenant, policy, known, at)
    column: Any = {
        "enabled": "-",
        "capable": {"yes": "capable", "no": "not-capable"}.get(capable, capable),
        "used": known["used"],
    }[policy["population"]]
    narrowed: str = POPULATION_TABLE[(policy["population"], column)]
    return reach if narrowed == "keep" else narrowed


# --- §4: verdict -------------------------------------------------------------------------------------------


def kind_of(user: Row, policy: Row) -> str:
    """The row of the table in §4."""
    if user["onPremisesSyncEnabled"] is not True:
        return "cloud-only"
    if policy["writeback"] != "off":
        return f"synced, writeback {policy['writeback']}"
    return WRITEBACK_OFF[policy["synced_without_writeback"] or "not_in_reach"]


def best(holdings: list[Row], floor: str) -> str:
    """The highest level among them, at least `floor`."""
    levels: list[str] = [floor, *(h["level"] for h in holdings)]
    return max(levels, key=LEVELS.index)


def first(order: tuple[str, ...], reasons: set[str], otherwise: str) -> str:
    """The first of `order` that is among the reasons."""
    return next((name for name in order if name in reasons), otherwise)


def judge_licences(user: Row, holdings: list[Row], policy: Row, edition: str, admin: bool) -> Row:
    """What a user in reach gets by licences alone."""
    floor = "cloud" if admin and policy["administrators"] in ("", "cloud_free") else "none"
    sure = [h for h in holdings if h["reset"] == "yes"]
    doubtful = [h for h in holdings if h["reset"] == "undetermined"]
    kind = kind_of(user, policy)
    low, high = best(sure, floor), best(sure + doubtful, floor)
    state, rule, reset, reset_rule, writeback, writeback_rule = VERDICT_TABLE[(kind, low)]
    hopeful, hopeful_rule, reset_high, reset_high_rule, writeback_high, _ = VERDICT_TABLE[(kind, high)]
    if (state, hopeful) in SETTLED_BREACHES:
        state, rule = hopeful, hopeful_rule
    ids = RULE_IDS[edition]
    answer: Row = {"state": state, "rule": ids[rule], "because": set()}
    if state != hopeful:
        # Whoever cannot reset breaks no rule: in doubt about that, what would cover names it.
        answer["rule"], reset_rule = ids[rule or hopeful_rule], reset_rule or reset_high_rule
        deciding = [h for h in doubtful if VERDICT_TABLE[(kind, best([*sure, h], floor))][0] != state]
        answer["state"] = "undetermined"
        answer["cause"] = first(UNDETERMINED_CAUSES, {h["reason"] for h in deciding}, "sku-unknown")
        answer["because"] = set().union(*(h["because"] for h in deciding))
        reset = reset if reset == reset_high else "undetermined"
        writeback = writeback if writeback == writeback_high else "undetermined"
    elif state == "covered":
        wanted = [h for h in sure if TIERS[h["level"]] == TIERS[low]]
        if kind in ASKS_WRITEBACK:
            wanted = [h for h in wanted if h["level"] == "p1"]
        answer["cause"] = first(COVERED_CAUSES, {h["reason"] for h in wanted}, "administrator-free")
    elif state == "undetermined":
        answer["cause"] = "writeback-unknown"
        answer["because"] = {("setting-needed", "PASSWORD_WRITEBACK", "")}
    elif state == "cannot-reset":
        answer["cause"] = "cannot-reset"
    else:
        failing = [h for h in holdings if h["reset"] == "no"]
        if state == "writeback-uncovered":
            failing = [h for h in failing if h["lost_level"] == "p1"]
            cause = (
                "plan-off"
                if low == "p1-off"
                else first(WRITEBACK_CAUSES, {h["reason"] for h in failing}, "cloud-level-only")
            )
        else:
            cause = first(UNCOVERED_CAUSES, {h["reason"] for h in failing}, "nothing-held")
        answer["cause"] = cause
        answer["because"] = set().union(*(h["because"] for h in failing if h["reason"] == cause))
    answer["reset"] = (reset, ids[reset_rule])
    answer["writeback"] = (writeback, ids[writeback_rule])
    answer["level"] = low
    return answer


def judge(user: Row, tenant: Row, policy: Row, known: Row, at: datetime, edition: str) -> Row:
    """The whole answer for one user: state, rule, cause, reach, parts, warnings, because."""
    code, _, missing = reach_of(user, tenant, policy, known, at).partition(":")
    uncertain = code in ("unknown", "not-yet-reported")
    if code not in IN_REACH and not uncertain:
        return outside(code)
    holdings = [read_holding(sku, user, tenant, policy, edition) for sku in held_skus(user)]
    answer = judge_licences(user, holdings, policy, edition, is_admin(tenant, policy, known, at))
    answer |= {"reach": code, "warnings": set().union(*(h["warnings"] for h in holdings))}
    if answer["state"] == "cannot-reset":
        return outside("cannot-reset")
    if answer["state"] == "covered" or not uncertain:
        return answer
    if code == "not-yet-reported":
        return outside(code)
    parts = {part: doubtful(answer[part]) for part in ("reset", "writeback")}
    because = {("evidence-missing", missing, "")}
    return answer | parts | {"state": "undetermined", "cause": "reach-unknown", "because": because}


def doubtful(part: tuple[str, str]) -> tuple[str, str]:
    """Of one of whom nobody knows whether he is in reach, nothing that is asked can be answered."""
    return part if part[0] == "not-asked" else ("undetermined", part[1])


def outside(code: str) -> Row:
    """The answer for somebody who is not in reach: nothing is asked, so nothing is warned of."""
    nobody = {"reset": ("not-asked", ""), "writeback": ("not-asked", ""), "warnings": set(), "because": set()}
    return nobody | {"state": "not-in-reach", "rule": "", "cause": code, "reach": code}
