"""How far an audit is: bars in a terminal, and a line for each stage where there is none."""

import io
from typing import get_args

import pytest
from rich.console import Console

from admin.audit.progress import Shown
from admin.words import texts
from shared.audit.told import Stage


def shown(*, terminal: bool) -> tuple[Shown, io.StringIO]:
    out = io.StringIO()
    return Shown(Console(file=out, force_terminal=terminal, width=100, force_interactive=terminal)), out


def test_in_a_terminal_a_bar_says_how_many_of_how_many() -> None:
    told, out = shown(terminal=True)
    with told:
        told.begin("users", 10_000)
        told.advance(2_500)
        assert told._bars
        told._bars.refresh()
        assert "2500/10000" in out.getvalue()
        told.advance(7_000)
    assert out.getvalue().rindex("9500/9500") > out.getvalue().rindex("2500/10000")


def test_elsewhere_each_stage_is_a_line_without_any_sign_of_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told, out = shown(terminal=False)
    with told:
        told.begin("users", 10_000)
        told.advance(999)
        told.waits(2.4)
    assert out.getvalue() == ""
    assert capsys.readouterr().err == "Users\nGraph asks to wait 2 s …\n"


def test_every_stage_has_words() -> None:
    assert texts().codes("audit", "stages") == set(get_args(Stage))
