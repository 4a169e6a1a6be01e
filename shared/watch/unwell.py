"""What the watch itself can't do, noted in the tenant's record: a finding `watch-unwell`, so a card.

Each code (`fault_codes`) has its words in the catalogue: what is wrong, what is held meanwhile and why, and
what a person must do.
"""

from collections.abc import Mapping

import msgspec

from shared.graph.errors import Forbidden, GraphError
from shared.ledger.records import Posting, TenantRecord
from shared.texts.catalogue import Catalogue
from shared.watch import details
from shared.watch.fault_codes import PERMISSION, Code, cause_of
from shared.watch.parts import Watch
from shared.watch.tenant import judge_tenant


async def note(watch: Watch, faults: Mapping[Code, str | None]) -> None:
    """Note for each of these codes what is wrong (`details`; no names), or with None that nothing is.

    What is wrong begins with its cause where the code has several (`fault_codes.CAUSES`): `address: …`.
    Codes that are not named stay as they are. Nothing is written where nothing changes.
    """
    at = watch.now()

    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        left = {code: detail for code, detail in record.unwell.items() if code not in faults}
        unwell = left | {str(code): detail for code, detail in faults.items() if detail is not None}
        if unwell == record.unwell:
            return record, ()
        noted = msgspec.structs.replace(record, unwell=unwell)
        return judge_tenant(noted, watch.rules, watch.settings.policy, at)

    await watch.ledger.commit_tenant(change, at)


async def note_failure(watch: Watch, code: Code, fault: GraphError, step: int | None = None) -> None:
    """Note a call that failed; with the cause where a permission is lacking.

    That stays noted until the call succeeds: a Graph that fails otherwise in between has not granted it.
    """
    said = fault.brief if step is None else details.detail("at-step", step=step, fault=fault.brief)
    if isinstance(fault, Forbidden) and not fault.not_premium:
        await note(watch, {code: f"{PERMISSION}: {said}"})
        return
    noted = (await watch.ledger.read_tenant()).record.unwell.get(code, "")
    if cause_of(code, noted) != PERMISSION:
        await note(watch, {code: said})


def in_words(unwell: Mapping[str, str], texts: Catalogue) -> list[str]:
    """Every noted fault as sentences: what is wrong, what is held, what to do, and what is known of it."""
    return [_in_words(code, detail, texts) for code, detail in sorted(unwell.items())]


def _in_words(code: str, detail: str, texts: Catalogue) -> str:
    cause = cause_of(code, detail)
    rest = detail.partition(":")[2].strip() if cause else detail.strip()
    sentences = [
        texts.find("problems", code, "causes", cause, part) or texts.find("problems", code, part) or ""
        for part in ("state", "held", "remedy")
    ]
    if not any(sentences):
        # A code without words must not hide what else is wrong; tests see to it that there is none.
        return f"{code}: {details.in_words(detail, texts)}"
    return " ".join(
        [*(one for one in sentences if one), *([f"({details.in_words(rest, texts)})"] if rest else [])]
    )
