"""The tables of the second judge: nothing here computes, everything is looked up (judgement.md §1-§4)."""

# --- §2: one SKU on one user -------------------------------------------------------------------------------

COUNTING_STATES = ("Active", "ActiveWithError")
LIVE_STATES = ("Enabled", "Warning")

# Why it does not count, in order of decision.
LOSSES = (
    ("gone", "sku-gone"),
    ("for_devices", "device-or-room"),
    ("for_robots", "unattended"),
    ("developer_ignored", "developer-ignored"),
    ("no_working_source", "assignment-failed"),
    ("no_usable_seat", "sku-suspended"),
)
NEVER_FOR_A_PERSON = ("device-or-room", "unattended", "developer-ignored")

# What it is worth where it counts. The first row whose condition holds gives the reason.
WORTH_ORDER = (
    ("developer", "developer"),
    ("has_p2", "p2"),
    ("has_p1", "p1"),
    ("has_basic", "basic"),
    ("has_basic_edu", "basic-edu"),
    ("paid_suite", "paid-suite"),
    ("paid_workload", "paid-workload"),
    ("free", "free"),
    ("trial_class", "trial-sku"),
    ("listed", "not-office"),
    ("plans_unreadable", "sku-unknown"),
    ("no_office_plan", "not-office"),
    ("always", "sku-unknown"),
)

# Reasons that count or may count, and the level they give. A developer SKU with a plan of P1 gives that; an
# unknown SKU whose plans cannot be read might give anything.
LEVEL_OF = {
    "developer": "cloud",
    "p2": "p1",
    "p1": "p1",
    "basic": "cloud",
    "basic-edu": "cloud",
    "paid-suite": "cloud",
    "paid-workload": "cloud",
    "sku-unknown": "cloud",
}

# Only where cover rests on "paid": what the subscriptions behind the SKU make of it.
#     live rows, any unpaid, any paid, paid seats suffice  ->  outcome
TRIAL_TABLE = {
    (False, False, False, False): "paid",
    (False, False, False, True): "paid",
    (True, False, True, False): "paid",
    (True, False, True, True): "paid",
    (True, True, False, False): "trial",
    (True, True, False, True): "trial",
    (True, True, True, False): "undetermined",
    (True, True, True, True): "paid",
}

# --- §1: what each edition answers -------------------------------------------------------------------------

ANSWERS = {
    "2017-10-24": {
        "p2": "yes",
        "p1": "yes",
        "basic": "yes",
        "basic-edu": "yes",
        "standard": "yes",
        "paid-suite": "yes",
        "paid-workload": "yes",
        "developer": "yes",
        "sku-unknown": "undetermined",
    },
    "2025-03-04": {
        "p2": "yes",
        "p1": "yes",
        "basic": "contested",
        "basic-edu": "contested",
        "standard": "yes",
        "paid-suite": "contested",
        "paid-workload": "contested",
        "developer": "contested",
        "sku-unknown": "undetermined",
    },
}

CONTESTED_BY_DEFAULT = {"2017-10-24": "covered", "2025-03-04": "undetermined"}

# contested option -> (reset, reason)
CONTESTED_TABLE = {
    "covered": ("yes", "contested"),
    "undetermined": ("undetermined", "contested"),
    "uncovered": ("no", "contested-no"),
}

# --- §3: who is in reach. First row that holds. ------------------------------------------------------------

EXCLUSIONS = (
    ("disabled", "account-disabled"),
    ("sync_account", "sync-account"),
    ("emergency", "emergency"),
    ("external", "external"),
    ("internal_guest_out", "internal-guest"),
    ("resource_out", "resource-account"),
    ("admin_switched_off", "admin-sspr-off"),
)

# (scope in force, what is known) -> reach code. "young" and "old": absent from a readable report.
SCOPE_TABLE = {
    ("all", "-"): "everyone",
    ("auto", "unreadable"): "assumed",
    ("auto", "enabled"): "report",
    ("auto", "not-enabled"): "sspr-not-enabled",
    ("auto", "young"): "not-yet-reported",
    ("auto", "old"): "unknown:registration-rows",
    ("report", "unreadable"): "unknown:registration",
    ("report", "enabled"): "report",
    ("report", "not-enabled"): "sspr-not-enabled",
    ("report", "young"): "not-yet-reported",
    ("report", "old"): "unknown:registration-rows",
    ("groups", True): "scope-group",
    ("groups", False): "outside-scope-group",
    ("groups", None): "unknown:scope-groups",
}

POPULATION_TABLE = {
    ("enabled", "-"): "keep",
    ("capable", "capable"): "keep",
    ("capable", "not-capable"): "not-capable",
    ("capable", "unreadable"): "unknown:registration",
    ("capable", "young"): "not-yet-reported",
    ("capable", "old"): "unknown:registration-rows",
    ("used", True): "keep",
    ("used", False): "not-used",
    ("used", None): "unknown:audit",
}

IN_REACH = ("report", "scope-group", "everyone", "assumed", "administrator")

# --- §4: the verdict. (kind of user, best level) ------------------------------------------------------------
# -> state, its rule; reset, its rule; writeback, its rule. Levels: none, cloud, p1-off (a P1 plan is held but
# switched off), p1. Rules are roles, see RULE_IDS.

VERDICT_TABLE = {
    ("cloud-only", "none"): ("uncovered", "cloud", "no", "cloud", "not-asked", ""),
    ("cloud-only", "cloud"): ("covered", "cloud", "yes", "cloud", "not-asked", ""),
    ("cloud-only", "p1-off"): ("covered", "cloud by p1", "yes", "cloud by p1", "not-asked", ""),
    ("cloud-only", "p1"): ("covered", "cloud by p1", "yes", "cloud by p1", "not-asked", ""),
    ("synced, writeback on", "none"): ("uncovered", "synced", "no", "synced", "no", "right"),
    ("synced, writeback on", "cloud"): ("writeback-uncovered", "warning", "no", "synced", "no", "warning"),
    ("synced, writeback on", "p1-off"): ("writeback-uncovered", "warning", "yes", "synced", "no", "warning"),
    ("synced, writeback on", "p1"): ("covered", "synced", "yes", "synced", "yes", "right"),
    ("synced, writeback off", "none"): ("cannot-reset", "", "not-asked", "", "not-asked", ""),
    ("synced, writeback off", "cloud"): ("cannot-reset", "", "not-asked", "", "not-asked", ""),
    ("synced, writeback off", "p1-off"): ("covered", "synced", "yes", "synced", "not-asked", ""),
    ("synced, writeback off", "p1"): ("covered", "synced", "yes", "synced", "not-asked", ""),
    ("synced, writeback unknown", "none"): ("uncovered", "synced", "no", "synced", "no", "right"),
    ("synced, writeback unknown", "cloud"): (
        "undetermined",
        "warning",
        "undetermined",
        "synced",
        "undetermined",
        "warning",
    ),
    ("synced, writeback unknown", "p1-off"): (
        "undetermined",
        "warning",
        "yes",
        "synced",
        "undetermined",
        "warning",
    ),
    ("synced, writeback unknown", "p1"): ("covered", "synced", "yes", "synced", "yes", "right"),
}

# Judged with the sure licences, then with the doubtful ones too: pairs of states that settle it all the same.
# A breach either way is a breach, the lesser of the two: a doubt about Office 365 must not hide that a synced
# user has no writeback licence. Any other pair of different states is undetermined.
SETTLED_BREACHES = {("uncovered", "writeback-uncovered")}

TIERS = {"none": 0, "cloud": 1, "p1-off": 2, "p1": 2}
ASKS_WRITEBACK = ("synced, writeback on", "synced, writeback unknown")

# Which row a synced user with writeback off is judged by.
WRITEBACK_OFF = {
    "not_in_reach": "synced, writeback off",
    "judge_as_cloud": "cloud-only",
    "judge_as_synced": "synced, writeback on",
}

RULE_IDS = {
    "2017-10-24": {
        "cloud": "S4",
        "cloud by p1": "S5",
        "synced": "S5",
        "right": "S6",
        "warning": "S7",
        "": "",
    },
    "2025-03-04": {
        "cloud": "T2",
        "cloud by p1": "T2",
        "synced": "T3",
        "right": "T3",
        "warning": "T5",
        "": "",
    },
}

# --- causes, most telling first ----------------------------------------------------------------------------

COVERED_CAUSES = ("p2", "p1", "basic", "basic-edu", "paid-suite", "paid-workload", "developer", "contested")
UNCOVERED_CAUSES = (
    "assignment-failed",
    "sku-suspended",
    "sku-gone",
    "trial-subscription",
    "contested-no",
    "edition-no",
    "developer-ignored",
    "device-or-room",
    "unattended",
    "trial-sku",
    "free",
    "not-office",
)
WRITEBACK_CAUSES = (
    "assignment-failed",
    "sku-suspended",
    "sku-gone",
    "developer-ignored",
    "device-or-room",
    "unattended",
)
UNDETERMINED_CAUSES = ("trial-undetermined", "contested", "sku-unknown")
