"""What the decision is told of the policy: as an administrator writes it, so that a change can be named."""

from datetime import timedelta

import msgspec

from shared.notify.deciding.scene import RULES
from shared.notify.saying.cards.change import SETTING_OF
from shared.notify.surroundings import choices
from shared.rules.policy import Policy


def test_every_choice_that_judges_has_a_text_and_so_have_the_rules() -> None:
    told = choices(Policy(), "digest")
    assert told.keys() - {RULES} == set(Policy.__struct_fields__) == set(SETTING_OF)
    assert told[RULES] == "digest"


def test_a_choice_reads_as_it_is_written_in_the_settings() -> None:
    policy = Policy(
        scope="groups",
        scope_groups=("a", "b"),
        report_grace=timedelta(hours=36),
        report_max_age=timedelta(days=14),
        ends_soon=timedelta(seconds=90),
        seats_low=5,
    )
    told = choices(policy, "")
    assert told["scope_groups"] == "a,b"
    assert (told["report_grace"], told["report_max_age"], told["ends_soon"]) == ("36h", "14d", "90s")
    assert (told["edition"], told["writeback"], told["seats_low"]) == ("2017-10-24", "unknown", "5")


def test_every_choice_changes_its_own_text_and_no_other() -> None:
    before = choices(Policy(), "")
    for name, value in msgspec.structs.asdict(Policy()).items():
        after = choices(msgspec.structs.replace(Policy(), **{name: _other(value)}), "")
        assert {key for key in after if after[key] != before[key]} == {name}


def _other(value: object) -> object:
    match value:
        case timedelta():
            return value + timedelta(days=1)
        case int():
            return value + 1
        case tuple():
            return ("x",)
    return "x"
