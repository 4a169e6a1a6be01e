"""What is wrong with an option of `admin audit` is told by the name that was typed."""

from typing import Any

import pytest

from tests.admin.shell import Shell

SHELL = Shell("")


@pytest.mark.parametrize(
    ("option", "value", "setting"),
    [
        ("--writeback", "perhaps", "PASSWORD_WRITEBACK"),
        ("--edition", "1999-01-01", "POLICY_EDITION"),
        ("--scope", "groups:everyone", "SSPR_SCOPE"),
    ],
)
@pytest.mark.parametrize("language", ["en", "nl"])
def test_a_wrong_value_is_told_by_the_option_or_else_the_setting_that_has_it(
    option: str, value: str, setting: str, language: str
) -> None:
    spoken: dict[str, Any] = {"WATCH_LANGUAGE": language}
    typed = SHELL.run("audit", option, value, **spoken)
    assert (typed.code, typed.out, len(typed.err.splitlines())) == (2, "", 2)
    assert typed.err.splitlines()[1].startswith(f"{option}: '{value}' ")
    assert setting not in typed.err
    as_setting = SHELL.run("audit", **(spoken | {setting: value}))
    assert as_setting.err == typed.err.replace(f"{option}:", f"{setting}:")
    # An option goes before its setting, so what that says is of no account.
    assert SHELL.run("audit", option, value, **(spoken | {setting: "nothing"})).err == typed.err


def test_options_and_settings_that_are_wrong_are_each_told_by_their_own_name() -> None:
    answer = SHELL.run("audit", "--writeback", "perhaps", SSPR_SCOPE="nobody")
    assert {line.partition(":")[0] for line in answer.err.splitlines()[1:]} == {"--writeback", "SSPR_SCOPE"}
