"""Every text of the frames of cards is said by some card."""

from datetime import timedelta

import msgspec

from shared.notify.messages import (
    DECLARED,
    DIGEST,
    ENDING,
    HELD,
    REMINDER,
    RETURNED,
    Message,
)
from shared.notify.saying.cards import card
from shared.notify.saying.wording import Wording
from shared.texts.catalogue import Catalogue
from tests.notify.card_samples import (
    AT,
    BACKDROP,
    EMS_E3,
    GROUP_ID,
    OFFICE_E3,
    TEXTS,
    change,
    digest,
    every_form,
    exemption,
    many,
    mass,
    names,
    quiet_digest,
)
from tests.notify.story import RULES

FORMS = every_form()

ANOTHER_GROUP = "99999999-0000-0000-0000-000000000002"


class _Noting(Catalogue):
    """Notes which texts were asked for."""

    def __init__(self) -> None:
        super().__init__(TEXTS.language, TEXTS._tree)
        self.asked: set[tuple[str, ...]] = set()

    def find(self, *path: str) -> str | None:
        self.asked.add(path)
        return super().find(*path)


def test_every_text_of_the_frames_is_used_by_a_card() -> None:
    noting = _Noting()
    counted = msgspec.structs.replace(names(), texts=noting, members={GROUP_ID: 12}, everybody=40)
    words = Wording(noting, counted, RULES)
    flaps = digest(quiet=dict.fromkeys(TEXTS.codes("quiet"), 1), waiting=2, flapping_more=3)
    crowded = digest(
        open={f"{kind}: {state}": 1 for kind, row in RULES.kinds.items() for state in row.states},
        exceptions=(
            exemption(),
            exemption(subject_type="", kind="coverage"),
            exemption(subject_type="group", subject_id=GROUP_ID),
            exemption(subject_type="group", subject_id=ANOTHER_GROUP),
        ),
        flapping_more=1,
    )
    others = (
        Message(form=DIGEST, about=flaps),
        Message(form=DIGEST, about=crowded),
        Message(form=DIGEST, about=quiet_digest(users=1)),
        Message(form=DIGEST, about=digest(open={})),
        Message(form=REMINDER, items=many(1)),
        Message(form=RETURNED, about=mass(left=1)),
        Message(form=RETURNED, about=mass(left=5011)),
        Message(form=REMINDER, items=many(1, since=AT - timedelta(days=1))),
        Message(form=DIGEST, about=digest(open={"coverage: uncovered": 1}, quiet={})),
        Message(form=HELD, about=mass(causes=(), skus=(), groups=())),
        Message(form=ENDING, items=many(2), about=exemption(kind="")),
        Message(form=DECLARED, about=change(settings={}, skus=(EMS_E3, OFFICE_E3))),
        Message(
            form=DECLARED,
            about=change(settings=dict.fromkeys(("scope", "writeback", "population"), ("", "on"))),
        ),
    )
    for message in (*FORMS.values(), *others):
        card(message, words, BACKDROP)
    for section in ("held", "released", "returned", "declared", "reminder", "digest", "quiet", "exception"):
        keys = {code for code in TEXTS.codes(section) if TEXTS.find(section, code)}
        assert keys - {path[1] for path in noting.asked if path[0] == section} == set(), section
