"""What the rows are about stands in budgets.toml, why one does not hold in reasons.toml; both are whole."""

import ast
import re
from pathlib import Path

import pytest

from benchmarks import __main__ as bench
from benchmarks.budgets import HERE, budgets, reasons, row

ROOT = HERE.parent


def test_every_row_has_a_sentence_for_an_administrator_and_one_budget_at_most() -> None:
    for row_id, budget in budgets().items():
        assert budget.means.endswith("."), row_id
        assert budget.most is None or budget.least is None, row_id
        assert bool(budget.short) == (budget.most is not None or budget.least is not None or _late(row_id)), (
            row_id
        )


def _late(row_id: str) -> bool:
    """Whether the budget hangs on the run."""
    return row_id == "change-writes"


def test_every_row_is_measured_somewhere_and_no_other() -> None:
    asked = [
        node.args[0].value
        for file in HERE.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("row", "_row")
        and isinstance(node.args[0], ast.Constant)
    ]
    assert sorted(map(str, asked)) == sorted(budgets())


def test_the_budgets_are_those_of_the_design() -> None:
    design = (ROOT / "docs" / "design.md").read_text()
    assert "make bench" in design
    bounds = {
        row_id: budget.least if budget.most is None else budget.most for row_id, budget in budgets().items()
    }
    assert {name: bounds[name] for name in ("import", "post", "sweep-over-typed", "sweep-over-bare")} == {
        "import": 25,
        "post": 4,
        "sweep-over-typed": 150,
        "sweep-over-bare": 2,
    }
    assert (bounds["judging"], bounds["memory"], bounds["package-size"]) == (1, 300, 0.25)
    assert bounds["change-requests"] == 60


def test_a_reason_is_given_for_a_row_with_a_budget_and_has_a_figure_in_it() -> None:
    for row_id, why in reasons().items():
        assert budgets()[row_id].short, row_id
        assert re.search(r"\d", why), row_id
        assert why.endswith("."), row_id


def test_a_row_takes_its_names_and_a_budget_that_hangs_on_the_run() -> None:
    assert row("memory-flat", 1.1, users="5").what == "the same over 5 users"
    assert row("change-writes", 18, most=42).budget == 42
    assert row("sweep-over-typed", 30, users="5").more
    assert row("import-naive", 500).budget is None
    with pytest.raises(KeyError):
        row("no-such-row", 1)


def test_over_budget_ends_badly_unless_the_reason_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    over, kept = row("judging", 1.7), row("post", 2.0)
    console = bench.Console(record=True, width=200)
    monkeypatch.setattr(bench, "reasons", dict)
    assert bench.verdict(console, [kept]) == 0
    assert bench.verdict(console, [kept, over]) == 1
    monkeypatch.setattr(bench, "reasons", lambda: {"judging": "It takes 2 µs."})
    assert bench.verdict(console, [kept, over]) == 0
    assert console.export_text().splitlines() == [
        "over: judging one user, warm, over its decode: no reason is known",
        "over: judging one user, warm, over its decode: It takes 2 µs.",
    ]


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page with an empty section, a place for charts and results, in place of ours."""
    page = tmp_path / "measurements.md"
    page.write_text("<!-- bench -->\n<!-- end -->\n")
    monkeypatch.setattr(bench.page.write, "__defaults__", (page,))
    monkeypatch.setattr(bench, "PICTURES", tmp_path)
    monkeypatch.setattr(bench.results, "KEPT", tmp_path / "bench.json")
    return page


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    async def measure(take: bench.Found, _: object, __: int, ___: int, only: str = "") -> None:
        take([row("post", 2.0), row("judging", 0.5)] if only != "broken" else [row("post", 2.0)])
        if only == "broken":
            raise bench.Failed("it broke")

    monkeypatch.setattr(bench, "measure", measure)
    app = bench.typer.Typer()
    app.command()(bench.main)
    try:
        app(list(arguments))
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_a_standard_run_writes_its_section_and_a_quick_one_only_if_asked(
    page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = page.read_text()
    assert _run(monkeypatch, "--users", "5000") == 0
    assert _run(monkeypatch, "--only", "start") == 0
    assert page.read_text() == empty
    assert _run(monkeypatch, "--users", "5000", "--write") == 0
    assert "`python -m benchmarks --users 5000 --sample 2000` took" in page.read_text()
    assert _run(monkeypatch) == 0
    assert "`make bench` took" in page.read_text()
    assert sorted(path.name for path in page.parent.iterdir()) == [
        "bench-budgets.svg",
        "bench-reading.svg",
        "bench.json",
        "measurements.md",
    ]


def test_the_page_can_be_drawn_again_from_what_was_kept(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _run(monkeypatch) == 0
    written = page.read_text()
    page.write_text("<!-- bench -->\nby hand\n<!-- end -->\n")
    assert _run(monkeypatch, "--redraw") == 0
    assert page.read_text() == written


def test_a_run_that_breaks_shows_what_it_has_and_writes_nothing(
    page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = page.read_text()
    kept = page.parent / "tried.json"
    assert _run(monkeypatch, "--only", "broken", "--write", "--json", str(kept)) == 2
    assert page.read_text() == empty
    assert "it broke" in capsys.readouterr().out
    assert [one.id for one in bench.results.read(kept.read_bytes()).rows] == ["post"]
