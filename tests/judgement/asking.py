"""One question to a judge of its own: what the product asks of one judge about many users."""

from datetime import datetime

from shared.judgement import Judge
from shared.model import Judged, Standing, TenantFacts, User, Verdict
from shared.rules.loader import Rules
from shared.rules.policy import Policy


def verdict_by(judge: Judge, user: User, standing: Standing, at: datetime, edition: str) -> Verdict:
    """The verdict by one edition, governing or not."""
    [found] = [one.verdict for one in judge.grounds(user, standing, at) if one.edition.id == edition]
    return found


def judge(
    user: User,
    standing: Standing,
    facts: TenantFacts,
    rules: Rules,
    policy: Policy,
    at: datetime,
    edition: str | None = None,
) -> Verdict:
    """The verdict on one user by one edition, the governing one by default."""
    return verdict_by(Judge(rules, policy, facts), user, standing, at, edition or policy.edition)


def judge_editions(
    user: User, standing: Standing, facts: TenantFacts, rules: Rules, policy: Policy, at: datetime
) -> Judged:
    """The governing edition's verdict on one user, and the states of the others."""
    return Judge(rules, policy, facts).judged(user, standing, at)
