"""The mute table at work: every row by hand, so that a lost row is missed, and what muting does in time."""

from datetime import timedelta
from typing import Any

import pytest

from shared.model import Because, Severity
from shared.notify.deciding.scene import Telling
from shared.notify.messages import DIGEST, Digest
from shared.rules.kinds import MuteRow
from tests.notify.story import RULES, TENANT, Story

SKU, OTHER_SKU = "sku-1", "sku-2"
DAY = 24 * 3600
GROUP = "group-1"


def tenant(kind: str, state: str, about: str = "") -> dict[str, Any]:
    """A finding of the tenant that is confirmed before it is told."""
    fields = {"kind": kind, "state": state, "about": about, "severity": Severity.MEDIUM}
    return fields | {"subject_type": "tenant", "subject": TENANT}


def group(kind: str, state: str, about: str = "") -> dict[str, Any]:
    """A finding of the group."""
    return {"kind": kind, "state": state, "about": about, "subject_type": "group", "subject": GROUP}


def user(
    kind: str, state: str, about: str = "", because: Because | None = None, subject: str = "u"
) -> dict[str, Any]:
    """A finding of a user."""
    fields: dict[str, Any] = {"kind": kind, "state": state, "about": about, "subject": subject}
    return fields | {"because": (because,) if because else ()}


LAPSE = Because(kind="subscription-lapsing", about=SKU)

EXPLAINED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "no-licence > coverage, uncovered": (tenant("no-licence", "missing"), user("coverage", "uncovered")),
    "no-licence > coverage, writeback": (
        tenant("no-licence", "missing"),
        user("coverage", "writeback-uncovered"),
    ),
    "no-licence > coverage, undetermined": (
        tenant("no-licence", "missing"),
        user("coverage", "undetermined"),
    ),
    "no-writeback-licence > coverage, writeback": (
        tenant("no-writeback-licence", "missing"),
        user("coverage", "writeback-uncovered"),
    ),
    "subscription-lapsing > ends-soon of the SKU": (
        tenant("subscription-lapsing", "warning", SKU),
        user("ends-soon", "ending", SKU),
    ),
    "subscription-lapsing > coverage of those whom it covered": (
        tenant("subscription-lapsing", "suspended", SKU),
        user("coverage", "uncovered", "", LAPSE),
    ),
    "subscription-lapsing > no-licence": (
        tenant("subscription-lapsing", "suspended", SKU),
        tenant("no-licence", "missing") | {"because": (LAPSE,)},
    ),
    "subscription-lapsing > no-writeback-licence": (
        tenant("subscription-lapsing", "suspended", SKU),
        tenant("no-writeback-licence", "missing") | {"because": (LAPSE,)},
    ),
    "subscription-lapsing > a report that is not for tenants without P1": (
        tenant("subscription-lapsing", "suspended", SKU),
        tenant("evidence-missing", "not-premium", "registration") | {"because": (LAPSE,)},
    ),
    "licence-errors > assignment-error of a member": (
        group("licence-errors", "error", SKU),
        user("assignment-error", "error", SKU, Because(kind="licence-errors", about=SKU, subject=GROUP)),
    ),
    "licence-errors > coverage of a member": (
        group("licence-errors", "error", SKU),
        user("coverage", "uncovered", "", Because(kind="licence-errors", about=SKU, subject=GROUP)),
    ),
    "nested-members-unlicensed > coverage of a member": (
        group("nested-members-unlicensed", "nested"),
        user("coverage", "uncovered", "", Because(kind="nested-members-unlicensed", subject=GROUP)),
    ),
    "assignment-error > coverage of the user": (
        user("assignment-error", "error", SKU),
        user("coverage", "uncovered"),
    ),
    "sku-unknown > undetermined by it": (
        tenant("sku-unknown", "unknown", SKU),
        user("coverage", "undetermined", "", Because(kind="sku-unknown", about=SKU)),
    ),
    "sku-contested > undetermined by it": (
        tenant("sku-contested", "undetermined", SKU),
        user("coverage", "undetermined", "", Because(kind="sku-contested", about=SKU)),
    ),
    "setting-needed > undetermined by it": (
        tenant("setting-needed", "unknown", "PASSWORD_WRITEBACK"),
        user("coverage", "undetermined", "", Because(kind="setting-needed", about="PASSWORD_WRITEBACK")),
    ),
    "evidence-missing > undetermined by it": (
        tenant("evidence-missing", "forbidden", "registration"),
        user("coverage", "undetermined", "", Because(kind="evidence-missing", about="registration")),
    ),
    "evidence-missing > uncovered only because reach is assumed without it": (
        tenant("evidence-missing", "not-premium", "registration"),
        user("coverage", "uncovered", "", Because(kind="evidence-missing", about="registration")),
    ),
    "coverage > seats-short": (user("coverage", "uncovered"), tenant("seats-short", "short", "p1")),
    "watch-unwell > evidence-missing of what it keeps from being read": (
        tenant("watch-unwell", "unwell", "registration"),
        tenant("evidence-missing", "forbidden", "registration")
        | {"because": (Because(kind="watch-unwell", about="registration"),)},
    ),
    "watch-unwell > watch-unwell for lack of the same permission": (
        tenant("watch-unwell", "unwell", "delta"),
        tenant("watch-unwell", "unwell", "subscription-users")
        | {"because": (Because(kind="watch-unwell", about="delta"),)},
    ),
}
"""Cause and symptom for each arrow of judgement.md §5, written by hand."""

UNEXPLAINED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "no-writeback-licence leaves the uncovered": (
        tenant("no-writeback-licence", "missing"),
        user("coverage", "uncovered"),
    ),
    "subscription-lapsing of another SKU": (
        tenant("subscription-lapsing", "warning", OTHER_SKU),
        user("ends-soon", "ending", SKU),
    ),
    "subscription-lapsing leaves a report that is forbidden": (
        tenant("subscription-lapsing", "suspended", SKU),
        tenant("evidence-missing", "forbidden", "registration") | {"because": (LAPSE,)},
    ),
    "subscription-lapsing of a SKU that is not the reason": (
        tenant("subscription-lapsing", "suspended", OTHER_SKU),
        tenant("no-licence", "missing") | {"because": (LAPSE,)},
    ),
    "licence-errors of another SKU": (
        group("licence-errors", "error", OTHER_SKU),
        user("coverage", "uncovered", "", Because(kind="licence-errors", about=SKU, subject=GROUP)),
    ),
    "licence-errors of another group": (
        group("licence-errors", "error", SKU),
        user("coverage", "uncovered", "", Because(kind="licence-errors", about=SKU, subject="group-2")),
    ),
    "licence-errors of a group that is not the reason": (
        group("licence-errors", "error", SKU),
        user("coverage", "uncovered"),
    ),
    "assignment-error of another user": (
        user("assignment-error", "error", SKU, subject="someone else"),
        user("coverage", "uncovered"),
    ),
    "setting-needed leaves the uncovered": (
        tenant("setting-needed", "unknown", "PASSWORD_WRITEBACK"),
        user("coverage", "uncovered", "", Because(kind="setting-needed", about="PASSWORD_WRITEBACK")),
    ),
    "sku-unknown of another SKU": (
        tenant("sku-unknown", "unknown", OTHER_SKU),
        user("coverage", "undetermined", "", Because(kind="sku-unknown", about=SKU)),
    ),
    "sku-contested of another SKU": (
        tenant("sku-contested", "undetermined", OTHER_SKU),
        user("coverage", "undetermined", "", Because(kind="sku-contested", about=SKU)),
    ),
    "evidence-missing of another piece": (
        tenant("evidence-missing", "stale", "audit"),
        user("coverage", "undetermined", "", Because(kind="evidence-missing", about="registration")),
    ),
    "a cause does not mute itself": (tenant("no-licence", "missing"), tenant("setting-needed", "unknown")),
}


def reason(cause: dict[str, Any], symptom: dict[str, Any], mutes: tuple[MuteRow, ...]) -> str:
    """Why the symptom is not told while the cause is open; empty if it is told."""
    story = Story(mutes=mutes)
    story.opens(0, "cause", **cause)
    story.opens(0, "symptom", **symptom)
    return story.runs(3600).why("symptom")


@pytest.mark.parametrize("name", EXPLAINED)
def test_an_open_cause_mutes_the_symptom_it_explains(name: str) -> None:
    cause, symptom = EXPLAINED[name]
    assert reason(cause, symptom, RULES.mutes) == f"muted-by:{cause['kind']}"


@pytest.mark.parametrize("name", UNEXPLAINED)
def test_a_finding_that_the_cause_does_not_explain_is_told(name: str) -> None:
    cause, symptom = UNEXPLAINED[name]
    assert reason(cause, symptom, RULES.mutes) == ""


@pytest.mark.parametrize("row", RULES.mutes, ids=lambda row: f"{row.cause} > {row.symptom}")
def test_every_row_of_the_mute_table_is_needed_by_a_case(row: MuteRow) -> None:
    others = tuple(one for one in RULES.mutes if one != row)
    lost = [
        name
        for name, (cause, symptom) in EXPLAINED.items()
        if reason(cause, symptom, others) != f"muted-by:{cause['kind']}"
    ]
    assert lost, "no case would miss this row"


def test_no_cause_can_be_silenced_by_its_own_symptom() -> None:
    # One fault of the watch leads others of the same permission; which one is fixed by the kind's row.
    arrows = {(row.cause, row.symptom) for row in RULES.mutes if row.cause != row.symptom}
    reached = set(arrows)
    while more := {(a, d) for a, b in reached for c, d in arrows if b == c} - reached:
        reached |= more
    assert not [kind for kind, other in reached if kind == other]


# --- in time --------------------------------------------------------------------------------------------


def test_a_cause_mutes_before_it_is_itself_told() -> None:
    story = Story()
    story.opens(0, "u", **user("coverage", "uncovered"))
    story.opens(800, "cause", **tenant("no-licence", "missing"))
    story.plays(3600).expect((1800, "opened cause missing"))
    assert story.why("u") == "muted-by:no-licence"


def test_a_symptom_that_outlives_its_cause_is_told_once_it_has_lasted_anew() -> None:
    story = Story()
    story.opens(0, "cause", **tenant("no-licence", "missing"))
    story.opens(0, "u", **user("coverage", "uncovered"))
    story.resolves(3000, "cause", cause="fixed")
    story.plays(7200).expect(
        (960, "opened cause missing"), (3060, "fixed cause"), (3000 + 960, "opened u uncovered")
    )


def test_symptoms_that_end_with_their_cause_are_never_told() -> None:
    story = Story()
    story.opens(0, "cause", **tenant("no-licence", "missing"))
    for name in "abcdefgh":
        story.opens(0, name, **user("coverage", "uncovered", subject=name))
        story.resolves(3200, name)
    story.resolves(3000, "cause", cause="fixed")
    story.plays(7200).expect((960, "opened cause missing"), (3060, "fixed cause"))


def test_a_lapse_and_all_that_follows_is_one_card_at_once_and_one_when_it_ends() -> None:
    story = Story()
    because = {"because": (LAPSE,)}
    lapse = tenant("subscription-lapsing", "suspended", SKU) | {"severity": Severity.HIGH}
    story.opens(0, "lapse", **lapse)
    story.opens(0, "none", **tenant("no-licence", "missing"), **because)
    story.opens(0, "no p1", **tenant("no-writeback-licence", "missing"), **because)
    for name in "abcdefgh":
        story.opens(300, name, **user("coverage", "uncovered", "", LAPSE, subject=name))
        story.resolves(20 * DAY + 300, name)
    story.opens(14 * DAY, "report", **tenant("evidence-missing", "not-premium", "registration"), **because)
    for name in ("lapse", "none", "no p1", "report"):
        story.resolves(20 * DAY, name, cause="fixed")
    story.plays(21 * DAY, every=3600).expect(
        (0, "opened lapse suspended"),
        (7 * DAY, "reminder: 1"),
        (14 * DAY, "reminder: 1"),
        (20 * DAY + 3600, "fixed lapse"),
    )


def test_what_was_told_before_it_was_muted_is_silent_when_the_cause_is_gone() -> None:
    story = Story()
    story.opens(0, "u", **user("coverage", "uncovered"))
    story.opens(2000, "cause", **tenant("no-licence", "missing"))
    story.resolves(4000, "cause", cause="fixed")
    story.plays(9000).expect(
        (960, "opened u uncovered"), (3000, "opened cause missing"), (4080, "fixed cause")
    )


def test_the_end_of_what_was_told_is_told_although_it_is_muted() -> None:
    story = Story()
    story.opens(0, "u", **user("coverage", "uncovered"))
    story.opens(2000, "cause", **tenant("no-licence", "missing"))
    story.resolves(2500, "u")
    story.plays(2700).expect((960, "opened u uncovered"), (2580, "fixed u"))


def test_a_change_of_what_was_told_waits_while_it_is_muted() -> None:
    story = Story()
    story.opens(0, "u", **user("coverage", "uncovered"))
    story.opens(1000, "cause", **tenant("no-licence", "missing"))
    story.changes(1100, "u", **user("coverage", "writeback-uncovered"))
    story.plays(5000)
    assert story.why("u") == "muted-by:no-licence"
    story.resolves(5040, "cause", cause="fixed")
    story.plays(9000, since=5040).expect(
        (960, "opened u uncovered"),
        (1980, "opened cause missing"),
        (5100, "fixed cause"),
        (6000, "changed u writeback-uncovered"),
    )


def test_a_release_that_nobody_waited_for_does_not_delay_a_later_change() -> None:
    story = Story()
    story.opens(0, "u", **user("coverage", "uncovered"))
    story.opens(1000, "cause", **tenant("no-licence", "missing"))
    story.changes(1100, "u", **user("coverage", "writeback-uncovered"))
    story.changes(1300, "u", **user("coverage", "uncovered"))
    story.resolves(3000, "cause", cause="fixed")
    story.changes(5050, "u", **user("coverage", "writeback-uncovered"))
    story.plays(9000).expect(
        (960, "opened u uncovered"),
        (1980, "opened cause missing"),
        (3060, "fixed cause"),
        (6060, "changed u writeback-uncovered"),
    )


def test_one_card_names_the_group_and_none_its_members() -> None:
    story = Story()
    because = Because(kind="licence-errors", about=SKU, subject=GROUP)
    for number in range(40):
        story.opens(0, f"m{number}", **user("coverage", "uncovered", "", because, subject=f"m{number}"))
    story.opens(60, "g", **group("licence-errors", "error", SKU))
    story.plays(7200).expect((1020, "opened g error"))


def test_a_cause_that_comes_and_goes_still_mutes_its_members_and_the_digest_names_it() -> None:
    story = Story(Telling(digest_every=timedelta(days=1)))
    because = Because(kind="licence-errors", about=SKU, subject=GROUP)
    story.opens(0, "g", **group("licence-errors", "error", SKU), reopened=2)
    for number in range(40):
        story.opens(0, f"m{number}", **user("coverage", "uncovered", "", because, subject=f"m{number}"))
    story.plays(DAY - 7200, every=600)
    [about] = [one.about for one in story.runs(DAY - 3600).decision.messages if one.form == DIGEST]
    assert isinstance(about, Digest)
    assert [one.id for one in about.flapping] == ["g"]
    assert about.quiet == {"flapping": 1, "muted-by:licence-errors": 40}
    story.expect((DAY - 3600, "digest"))


@pytest.mark.parametrize("told", [False, True], ids=["cause not told", "cause told"])
def test_the_baseline_counts_what_is_muted_and_tells_it_no_more(told: bool) -> None:
    story = Story(baseline_told=False)
    story.opens(0, "cause", **tenant("no-licence", "missing"), baseline=told)
    story.opens(0, "u", **user("coverage", "uncovered"), baseline=True)
    story.runs(0).expect()
    story.resolves(1000, "cause", cause="fixed")
    story.baseline_ended_at = story.table.entries["u"].since
    story.plays(7200, since=60).expect((60, "baseline: 2 opened"), (1080, "fixed cause"))
