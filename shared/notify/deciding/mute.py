"""Which open cause explains a finding: the mute table applied (judgement.md §5). Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from shared.model import Finding
from shared.notify.entries import Entry
from shared.rules.kinds import Match, MuteRow


class Causes:
    """The open findings that mute others, told or not yet told.

    A row of the mute table alone decides (`MuteRow.explains`); the index only keeps the search short.
    """

    def __init__(self, entries: Iterable[Entry], mutes: Sequence[MuteRow]) -> None:
        self._rows: dict[str, list[MuteRow]] = defaultdict(list)
        for row in mutes:
            self._rows[row.symptom].append(row)
        wanted = {row.cause for row in mutes}
        self._by_kind: dict[str, list[Entry]] = defaultdict(list)
        self._by_subject: dict[tuple[str, str], list[Entry]] = defaultdict(list)
        self._by_about: dict[tuple[str, str], list[Entry]] = defaultdict(list)
        self._by_place: dict[tuple[str, str, str], list[Entry]] = defaultdict(list)
        for entry in entries:
            if entry.open and entry.kind in wanted:
                self._by_kind[entry.kind].append(entry)
                self._by_subject[entry.kind, entry.subject_id].append(entry)
                self._by_about[entry.kind, entry.about].append(entry)
                self._by_place[entry.kind, entry.about, entry.subject_id].append(entry)

    def of(self, entry: Entry) -> str:
        """The kind of the cause that explains this finding by the first row that fits; empty if none does."""
        rows = self._rows.get(entry.kind, ())
        if not rows:
            return ""
        symptom = Finding(
            kind=entry.kind,
            state=entry.state,
            severity=entry.severity,
            rule=entry.rule,
            cause=entry.cause,
            about=entry.about,
            because=entry.because,
        )
        for row in rows:
            for cause in self._candidates(row, entry):
                if cause.id != entry.id and row.explains(
                    cause.kind, cause.subject_id, cause.about, symptom, entry.subject_id
                ):
                    return cause.kind
        return ""

    def _candidates(self, row: MuteRow, entry: Entry) -> Iterable[Entry]:
        match row.match:
            case Match.SAME_SUBJECT:
                return self._by_subject.get((row.cause, entry.subject_id), ())
            case Match.SAME_ABOUT:
                return self._by_about.get((row.cause, entry.about), ())
            case Match.BECAUSE:
                # One product can be short in hundreds of groups, each with thousands in it.
                return (
                    cause
                    for one in entry.because
                    if one.kind == row.cause
                    for cause in (
                        self._by_place.get((one.kind, one.about, one.subject), ())
                        if one.subject
                        else self._by_about.get((one.kind, one.about), ())
                    )
                )
            case Match.ALL:
                return self._by_kind.get(row.cause, ())
