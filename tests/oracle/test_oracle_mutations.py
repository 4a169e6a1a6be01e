"""The oracle can fail: where the watch is broken on purpose, a few histories notice it."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from shared.graph.delta import DeltaPage, delta_page
from shared.graph.users import user_pages
from shared.ledger import outbox
from shared.ledger.journal import JournalLine, lines_of
from shared.watch.licensing import errors
from shared.watch.reach import registration_intake
from shared.watch.users import delta, evaluation, rejudge, sweep_phases
from tests.oracle.run import play

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

MOST = 12
"""Histories in which a broken watch must have been noticed."""

Patch = pytest.MonkeyPatch


def delta_loses_changes(patch: Patch) -> None:
    """Every other page of the delta query is thrown away."""
    pages = [0]

    async def page(*given: Any) -> DeltaPage:
        pages[0] += 1
        found = await delta_page(*given)
        return msgspec.structs.replace(found, changed=[]) if pages[0] % 2 else found

    patch.setattr(delta, "delta_page", page)


def delta_does_not_run(patch: Patch) -> None:
    async def nothing(_: object) -> bool:
        return True

    patch.setattr(delta, "run_if_due", nothing)


def nobody_looks_for_licence_errors(patch: Patch) -> None:
    async def nothing(_: object) -> None:
        return None

    patch.setattr(errors, "look", nothing)


def the_deleted_stay(patch: Patch) -> None:
    """Nobody is ever found gone."""

    async def nobody(*_: object) -> tuple[()]:
        return ()

    patch.setattr(evaluation, "_absences", nobody)


def changed_facts_judge_nobody_anew(patch: Patch) -> None:
    async def nothing(_: object) -> bool:
        return False

    patch.setattr(rejudge, "pay", nothing)


def the_report_judges_nobody_anew(patch: Patch) -> None:
    """The index is stored, and nobody is looked at for what has changed in it."""

    def nobody(*_: object) -> list[str]:
        return []

    patch.setattr(registration_intake, "differing", nobody)


def the_sweep_skips_a_page(patch: Patch) -> None:
    """The second page of every step is put aside without its users."""
    pages = [0]

    async def page(*given: Any) -> Any:
        pages[0] += 1
        found = await user_pages(*given)
        return msgspec.structs.replace(found, rows=[]) if pages[0] % 2 == 0 else found

    patch.setattr(sweep_phases, "user_pages", page)


def the_journal_leaves_lines_out(patch: Patch) -> None:
    """Of a commit that changed several findings the last is not told."""

    def lines(*given: Any) -> Sequence[JournalLine]:
        made = lines_of(*given)
        return made[:-1] if len(made) > 1 else made

    patch.setattr(outbox, "lines_of", lines)


MUTATIONS: tuple[Callable[[Patch], None], ...] = (
    delta_loses_changes,
    delta_does_not_run,
    nobody_looks_for_licence_errors,
    the_deleted_stay,
    changed_facts_judge_nobody_anew,
    the_report_judges_nobody_anew,
    the_sweep_skips_a_page,
    the_journal_leaves_lines_out,
)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.__name__)
async def test_a_broken_watch_is_noticed(mutation: Callable[[Patch], None], monkeypatch: Patch) -> None:
    mutation(monkeypatch)
    for seed in range(MOST):
        try:
            outcome = await play(seed)
        except AssertionError:
            return
        if outcome.differences or outcome.faults:
            return
    raise AssertionError(f"{mutation.__name__}: {MOST} histories, and nothing was noticed")
