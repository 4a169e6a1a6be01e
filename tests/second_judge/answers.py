"""A verdict of the product in the words of the second judge, to compare the two."""

from shared.model import Verdict
from tests.second_judge.worlds import Row


def answer_of(verdict: Verdict) -> Row:
    """The verdict as the second judge words it."""
    return {
        "state": verdict.state.value,
        "rule": verdict.rule,
        "cause": verdict.cause,
        "reach": verdict.reach,
        "reset": (verdict.reset.answer, verdict.reset.rule),
        "writeback": (verdict.writeback.answer, verdict.writeback.rule),
        "warnings": {(warning.code, warning.about) for warning in verdict.warnings},
        "because": {(one.kind, one.about, one.subject) for one in verdict.because},
    }
