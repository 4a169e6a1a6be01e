"""A report that can't be read any more: nothing opens or resolves by it, and one card says what is held."""

import pytest

from sandbox.graph.faults import Fault
from sandbox.graph.operations import UpdateUser
from sandbox.graph.service_operations import RefreshReport
from shared.graph.registration import ReportPage
from shared.model import EvidenceStatus, Registration
from shared.watch.messages import REGISTRATION
from shared.watch.reach import registration, registration_pages
from shared.watch.tenant_facts import facts
from tests.watch.cards import Cards
from tests.watch.conftest import Opener
from tests.watch.scene import Scene, Worker, read_report, run_reading

pytestmark = pytest.mark.real

PATH = "/reports/authenticationMethods/userRegistrationDetails"
DENIED = "Authorization_RequestDenied"
NOT_PREMIUM = "Authentication_RequestFromNonPremiumTenantOrB2CTenant"
BROKEN = "The registration report can't be read any more"
FIXED = "Fixed: The registration report can be read again"


@pytest.fixture
async def told(open_scene: Opener, monkeypatch: pytest.MonkeyPatch) -> tuple[Scene, Cards]:
    """A tenant judged by its report, of several pages, one a step; its first card has been sent."""
    monkeypatch.setattr(registration_pages, "PAGES_A_STEP", 1)
    scene = await open_scene(SSPR_SCOPE="report")
    await scene.control.set_rates(report_page_size=20, report_takes_top=False, throttling=False)
    await scene.begin(report=True)
    cards = Cards(scene)
    await cards.after(hours=2)
    return scene, cards


async def turns(scene: Scene, *faults: Fault) -> None:
    """The report is read, and these faults come from its second page on."""
    watch = await scene.restarted()
    assert await registration.start(watch)
    [first] = watch.take_steps(REGISTRATION)
    await registration.take_step(watch, first)
    for fault in faults:
        await scene.control.fault(fault)
    await run_reading(watch)


async def an_hour_later(scene: Scene) -> Worker:
    """The timer has it read again."""
    watch = await scene.restarted()
    scene.clock.pass_by(minutes=61)
    assert await registration.refresh_if_due(watch)
    await run_reading(watch)
    return watch


async def test_a_report_that_turns_403_halfway_is_one_card_that_says_what_is_held_and_one_when_it_is_over(
    told: tuple[Scene, Cards],
) -> None:
    scene, cards = told
    read_at = (await scene.watch.facts()).evidence_of("registration").read_at
    assert read_at is not None
    people = [scene.world.cast[name] for name in ("synced_with_ems", "cloud_with_ems", "admin")]
    before = [(await scene.watch.record(one)).verdict for one in people]
    known = {line.id for line in await scene.watch.lines(scene.watch.settings.tenant_id)}
    # Had the report been read to its end, it would judge everybody otherwise.
    scene.world.set_scope("none")
    await scene.control.do(RefreshReport())
    await turns(scene, Fault(path=PATH, status=403, code=DENIED))
    watch = scene.watch
    assert watch.changed() == []
    for one in people:
        await scene.look_at(one)
    assert [(await watch.record(one)).verdict for one in people] == before
    news = [line for line in await watch.lines(watch.settings.tenant_id) if line.id not in known]
    assert [(one.transition, one.kind, one.subject.about) for one in news] == [
        ("opened", "watch-unwell", "registration")
    ]
    said = len(cards.teams.payloads)
    assert await cards.after(hours=2) == [BROKEN]
    cards.teams.payloads = cards.teams.payloads[said:]
    assert "the registration report" in cards.text
    assert "In force meanwhile: the reading of" in cards.text
    assert f"{read_at:%H:%M} UTC" in cards.text
    assert "The last complete report stays in force until it is too old" in cards.text
    assert "Grant the watch the application permission AuditLog.Read.All" in cards.text
    # Refused again every hour: that is no news, and neither is a failure of another kind in between.
    await scene.control.fault(Fault(path=PATH, status=403, code=DENIED))
    await an_hour_later(scene)
    await scene.control.fault(Fault(path=PATH, status=400, code="BadRequest", count=2))
    await an_hour_later(scene)
    assert await cards.after(hours=2) == []
    scene.world.set_scope("all")
    await scene.control.do(RefreshReport())
    watch = await an_hour_later(scene)
    assert (await watch.facts()).evidence_of("registration").status is EvidenceStatus.OK
    assert await cards.after(hours=2) == [FIXED]
    assert await cards.after(hours=6) == []


async def test_a_failure_that_passes_makes_no_card_and_one_that_lasts_makes_one(
    told: tuple[Scene, Cards],
) -> None:
    scene, cards = told
    await turns(scene, Fault(path=PATH, status=503, code="ServiceUnavailable"))
    assert (await scene.watch.facts()).evidence_of("registration").status is EvidenceStatus.OK
    assert await cards.after(hours=2) == []
    # So often that a whole reading fails, and the next one does not.
    await turns(scene, Fault(path=PATH, status=503, code="ServiceUnavailable", count=6))
    assert (await scene.watch.facts()).evidence_of("registration").status is EvidenceStatus.FAILED
    await an_hour_later(scene)
    assert await cards.after(hours=2) == []
    await turns(scene, Fault(path=PATH, status=503, code="ServiceUnavailable", count=6))
    await scene.control.fault(Fault(path=PATH, status=503, code="ServiceUnavailable", count=6))
    await an_hour_later(scene)
    assert await cards.after(hours=2) == [BROKEN]
    await an_hour_later(scene)
    assert await cards.after(hours=2) == [FIXED]


async def test_a_tenant_that_lost_its_premium_licence_gets_no_card_for_the_report(
    told: tuple[Scene, Cards],
) -> None:
    scene, cards = told
    await turns(scene, Fault(path=PATH, status=403, code=NOT_PREMIUM))
    assert (await scene.watch.facts()).evidence_of("registration").status is EvidenceStatus.NOT_PREMIUM
    assert await cards.after(hours=2) == []


async def test_a_report_that_was_never_read_is_told_as_missing_evidence_and_not_as_a_fault(
    open_scene: Opener,
) -> None:
    scene = await open_scene(SSPR_SCOPE="report")
    watch = await scene.watch.ready()
    await facts.refresh(watch)
    for _ in range(2):
        await scene.control.fault(Fault(path=PATH, status=403, code=DENIED))
        await read_report(watch)
    assert (await watch.facts()).evidence_of("registration").status is EvidenceStatus.FORBIDDEN
    assert (await watch.tenant()).unwell == {}


async def test_an_empty_report_is_not_taken_for_the_truth_where_there_were_users_in_it(
    told: tuple[Scene, Cards], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, cards = told
    watch, user = scene.watch, scene.world.cast["synced_with_ems"]
    piece = (await watch.facts()).evidence_of("registration")
    assert (await watch.record(user)).verdict.reach == "report"
    with monkeypatch.context() as patched:

        async def nothing(*_: object) -> ReportPage:
            return ReportPage(list[Registration](), None, scene.clock.now())

        patched.setattr(registration_pages, "registration_page", nothing)
        await read_report(watch)
    after = (await watch.facts()).evidence_of("registration")
    assert (after.status, after.read_at) == (EvidenceStatus.FAILED, piece.read_at)
    assert watch.changed() == []
    await scene.look_at(user)
    assert (await watch.record(user)).verdict.reach == "report"
    assert await cards.after(hours=2) == [BROKEN]
    assert "Graph answered with an empty registration report" in cards.text
    await scene.control.do(UpdateUser(id=user, is_admin=True))
    await scene.control.do(RefreshReport())
    await an_hour_later(scene)
    assert await cards.after(hours=2) == [FIXED]


async def test_the_first_report_may_be_empty(scene: Scene) -> None:
    watch = await scene.ready()
    for user in scene.world.users.values():
        user.account_enabled = False
    await scene.control.do(RefreshReport())
    await read_report(watch)
    assert (await watch.facts()).evidence_of("registration").status is EvidenceStatus.OK
