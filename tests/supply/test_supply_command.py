"""`make audit` says of each check how it ended, and ends with 1 if anything is wrong."""

import pytest

from tools.supply import __main__ as command
from tools.supply import licences, secrets, vulnerabilities
from tools.supply.reports import Outcome, Report

GOOD = Report("licences", Outcome.GOOD, "2 packages")
SILENT = Report("vulnerabilities", Outcome.NOT_CHECKED, "nobody answered")
LEAK = Report("secrets", Outcome.FAULT, "3 files", ("settings.py:2: AWS Access Key (0123456789ab)",))


@pytest.mark.parametrize(
    ("found", "code", "last"),
    [
        (Report("secrets", Outcome.GOOD, "3 files"), 0, "no faults; not checked: vulnerabilities"),
        (LEAK, 1, "1 faults; not checked: vulnerabilities"),
    ],
)
def test_a_fault_ends_with_1_and_what_nobody_answered_is_said(
    found: Report,
    code: int,
    last: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(licences, "check", lambda *_: GOOD)
    monkeypatch.setattr(vulnerabilities, "check", lambda *_, **__: SILENT)
    monkeypatch.setattr(secrets, "check", lambda *_, **__: found)
    assert command.main([]) == code
    said = capsys.readouterr().out
    assert said.splitlines()[-1] == last
    assert "not checked" in said
    assert all(f"secrets: {line}" in said for line in found.lines)
