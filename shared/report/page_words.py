"""The words and numbers of the page, as its template asks for them. Pure."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

import msgspec

from shared.model import Evidence, State, Tier, utc
from shared.report.figures import Concern, Report, SkuSeats
from shared.report.questions import differ_from_states
from shared.texts.catalogue import Catalogue
from shared.texts.cells import LONGEST
from shared.texts.plain import one_line

REACHED = (State.COVERED, State.UNCOVERED, State.WRITEBACK_UNCOVERED, State.UNDETERMINED)
"""The verdicts of those in reach, in the order of the coverage bar."""

OPEN = (State.UNCOVERED, State.WRITEBACK_UNCOVERED, State.UNDETERMINED)
"""Those that the trend draws: what is covered would dwarf them."""

JUDGED = (*REACHED, State.NOT_IN_REACH)
"""Every verdict."""

_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)


class Part(msgspec.Struct, frozen=True):
    """A piece of the coverage bar. `start` and `width` are hundredths of the whole, as SVG takes them."""

    state: str
    label: str
    users: int
    start: str
    width: str
    share: str


class PageWords(msgspec.Struct, frozen=True):
    """One language's words about one report."""

    texts: Catalogue
    report: Report

    def t(self, key: str, **values: str | int) -> str:
        """A text of the page by its key, which may be a path: `answer.yes`."""
        return self.texts.text("report", "page", *key.split("."), **values)

    def of(self, key: str, count: int, **values: str) -> str:
        """The same about a count: one of a thing is called as one."""
        form = f"{key}_one" if count == 1 else key
        return self.t(form, **{**values, **({} if count == 1 else {"n": self.number(count)})})

    def number(self, count: int) -> str:
        """A count with thousands set apart."""
        return self.texts.number(count)

    def words(self, *path: str, otherwise: str = "") -> str:
        """A text from anywhere in the catalogue; a code without one is shown as it is."""
        return self.texts.find(*path) or otherwise or path[-1]

    def day_of(self, edition: str) -> str:
        """The date of an edition's page; its name where that is no date."""
        try:
            return self.texts.day(date.fromisoformat(edition))
        except ValueError:
            return edition

    def day(self, value: date) -> str:
        """A date as people write it."""
        return self.texts.day(value)

    def moment(self, value: datetime) -> str:
        """A time in UTC, said so."""
        return self.texts.moment(value)

    def clean(self, text: str) -> str:
        """A text that people wrote, as one line that shows as it reads."""
        return one_line(text, LONGEST)

    def share(self, count: int, of: int) -> str:
        """A percentage that says all only of all, and none only of none: it is cut, not rounded."""
        tenths = 1000 * count // of if of else 0
        tenths = max(tenths, 1) if count else 0
        whole, tenth = divmod(tenths, 10)
        point = "," if self.texts.text("format", "thousands") == "." else "."
        return self.t("share", percent=f"{whole}{point}{tenth}" if tenth else str(whole))

    @property
    def tenant(self) -> str:
        """The tenant's name, else its id."""
        return self.clean(self.report.tenant_name) or self.report.tenant_id

    @property
    def parts(self) -> list[Part]:
        """The coverage bar: those in reach by verdict."""
        states = self.report.states
        whole = sum(states.get(one, 0) for one in REACHED)
        found, start = [], 0.0
        for one in REACHED:
            users = states.get(one, 0)
            if users:
                width = 100 * users / whole
                found.append(
                    Part(
                        state=one,
                        label=self.words("states", one),
                        users=users,
                        start=f"{start:.3f}",
                        width=f"{width:.3f}",
                        share=self.share(users, whole),
                    )
                )
                start += width
        return found

    @property
    def apart(self) -> str:
        """How the questions' counts go together with those of the bar; empty where they are the same."""
        if not differ_from_states(self.report):
            return ""
        titles = {code: self.t(f"questions.{code}.question") for code in ("compliance", "writeback")}
        return self.t("apart", **titles)

    def counts_as(self, sku: SkuSeats) -> str:
        """What a product counts as; not nothing where a finding says that it can't be told."""
        about = {one.open.finding.kind for one in self.report.concerns if _about(one) == sku.sku_id}
        unsure = [kind for kind in ("sku-unknown", "sku-contested") if kind in about]
        return self.t(f"tier.{unsure[0] if unsure and sku.tier is Tier.NONE else sku.tier.value}")

    @property
    def coverage_label(self) -> str:
        """What the coverage bar shows, in words."""
        parts = (self.t("part", label=one.label, n=self.number(one.users)) for one in self.parts)
        return self.t("coverage_label", parts=", ".join(parts))

    @property
    def out_of_reach(self) -> list[tuple[str, int]]:
        """Why users are out of reach, the most frequent reason first."""
        counted = sorted(self.report.reach.items(), key=lambda one: (-one[1], one[0]))
        return [(self.words("reach", code), users) for code, users in counted if users]

    @property
    def editions(self) -> list[tuple[str, int | None, list[tuple[str, str]]]]:
        """Every edition, the governing first: name, users judged otherwise (None: it governs), its rules."""
        named: list[tuple[str, int | None]] = [(self.report.edition, None)]
        named += [(one.edition, one.users) for one in self.report.disagreements]
        return [(name, users, self._rules(name)) for name, users in named]

    @property
    def compared(self) -> list[tuple[str, Mapping[str, int]]]:
        """Users by verdict by each edition, the governing first; empty where only that one is known."""
        others = [(one.edition, one.states) for one in self.report.disagreements if one.states]
        return [(self.report.edition, self.report.states), *others] if others else []

    def _rules(self, edition: str) -> list[tuple[str, str]]:
        codes = sorted(self.texts.codes("rules", edition), key=lambda one: (len(one), one))
        return [(code, self.words("rules", edition, code)) for code in codes]

    def age(self, of: datetime) -> str:
        """How old a reading was when the report was made."""
        past = self.report.at - of
        if past >= 2 * _DAY:
            return self.of("days", past // _DAY)
        return self.of("hours", past // _HOUR) if past >= _HOUR else self.t("minutes")

    def tried(self, evidence: Evidence) -> str:
        """How the last attempt at a piece of evidence ended."""
        if evidence.permission and evidence.status == "forbidden":
            return self.t("needs_permission", permission=evidence.permission)
        return self.t(f"tried.{evidence.status}")

    def for_script(self) -> dict[str, object]:
        """What the page's script needs of the catalogue."""
        script = {code: self.words("report", "script", code) for code in self.texts.codes("report", "script")}
        months = [self.words("months", str(n)) for n in range(1, 13)]
        form = {name: self.words("format", name) for name in ("day", "thousands")}
        severities = {one: self.t(f"level.{one}") for one in ("high", "medium", "low")}
        return {**script, "months": months, "format": form, "severities": severities, "kinds": self._kinds()}

    def _kinds(self) -> dict[str, str]:
        return {code: self.kind(code) for code in sorted(self.texts.codes("exception", "kinds"))}

    def kind(self, code: str) -> str:
        """What findings of a kind are about; every kind where there is none."""
        if short := self.texts.find("report", "kinds", code):
            return short
        return self.words("exception", "kinds", code) if code else self.words("exception", "any_kind")

    def kinds_of(self, codes: Iterable[str]) -> list[tuple[str, str]]:
        """Kinds as a person chooses among them, in the order of their words."""
        return sorted(((code, self.kind(code)) for code in set(codes)), key=lambda one: one[1])

    @staticmethod
    def when(text: str) -> datetime:
        """A time as a row has it."""
        return utc(text)


def _about(concern: Concern) -> str:
    return concern.open.finding.about
