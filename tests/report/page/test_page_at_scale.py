"""The page as the deployed app serves it, of a ledger of 100,000 users: quick, whole, shut to others."""

import asyncio
import base64
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from sandbox.azurite import Azurite
from sandbox.host.process import HostProcess
from shared.report.page import LARGEST
from shared.storage import Storage, StorageSettings
from tests.report.ledgers import POLICY, TENANT_ID, fill, made
from tests.report.page.looking import Looker, grave_faults, ids, names, settled
from tests.settings.good_settings import GOOD

pytestmark = pytest.mark.real

ROOT = Path(__file__).resolve().parents[3]
USERS = 100_000
WITHIN = 2.0
"""Seconds to the first view."""

KEY = "k" * 40
BASIC = "Basic " + base64.b64encode(f":{KEY}".encode()).decode()
ROUTES = ("report", "report_csv", "report_json", "report_rows", "report_user")


@contextmanager
def loop_of_its_own() -> Iterator[Callable[[Any], Any]]:
    """Runs coroutines one by one in a thread: Playwright keeps the loop of this one."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        runner = asyncio.Runner()
        try:
            yield lambda work: thread.submit(runner.run, work).result()
        finally:
            thread.submit(runner.close).result()


async def filled(account: str) -> None:
    storage = Storage.connect(StorageSettings(connection_string=account))
    await storage.ensure()
    await fill(storage, made(USERS))
    await storage.close()


@pytest.fixture(scope="module")
def address(azurite: Azurite) -> Iterator[str]:
    """Where the real app answers, on such a ledger, as the real host runs it."""
    account = azurite.new_account()
    settings = {
        **GOOD,
        "TENANT_ID": TENANT_ID,
        "WATCH_STORAGE": account,
        "AzureWebJobsStorage": account,
        "NOTIFICATION_BASE_URL": "http://127.0.0.1:7171",
        "LOCAL_KEY": KEY,
        "PASSWORD_WRITEBACK": POLICY.writeback,
        "SSPR_SCOPE": POLICY.scope,
    }
    with loop_of_its_own() as run:
        run(filled(account))
        host = HostProcess(ROOT, settings, only=ROUTES)
        run(host.start())
        try:
            yield f"{host.url}/api/report"
        finally:
            run(host.stop())


def signed_in(**more: Any) -> dict[str, Any]:
    """As a browser sends it once its user has typed the local key."""
    return {"extra_http_headers": {"Authorization": BASIC}, **more}


def test_the_first_view_is_there_within_two_seconds(
    looks: Looker, address: str, record_property: Callable[[str, object], None]
) -> None:
    took: list[float] = []
    for _ in range(4):
        began = time.perf_counter()
        with looks.page(address, **signed_in()) as page:
            page.locator("#status:not(:empty)").wait_for()
            took.append(time.perf_counter() - began)
            assert page.evaluate("performance.getEntriesByType('navigation')[0].decodedBodySize") <= LARGEST
            expect(page.locator("#rows tr.row")).to_have_count(50)
            expect(page.locator(".verdict")).to_have_count(3)
    record_property("seconds", took)
    print("first view, seconds:", [round(one, 2) for one in took])
    # The first request reads the ledger; those after it look whether it is as it was. Other tests run beside
    # this one, and slow some of the views down: the quickest says what it takes.
    assert min(took) <= WITHIN
    assert took[0] <= 3 * WITHIN


def test_search_filter_sort_pages_and_detail_answer(looks: Looker, address: str) -> None:
    with looks.page(address, **signed_in()) as page:
        settled(page, "page 1 of")
        everybody = page.locator("#status").inner_text()
        wanted = names(page)[7]
        page.get_by_label("Search by name").fill(wanted.upper())
        expect(page.locator("#status")).not_to_have_text(everybody)
        assert set(names(page)) == {wanted}
        page.get_by_role("button", name="Clear").click()
        settled(page, everybody)
        page.locator("#severity").select_option("high")
        page.locator("#state").select_option("uncovered")
        expect(page.locator("#status")).not_to_have_text(everybody)
        assert set(page.locator("#rows .state").all_inner_texts()) == {"not covered"}
        page.get_by_role("button", name="Since").click()
        expect(page.locator("[data-sort=since]")).to_have_attribute("aria-sort", "ascending")
        first = ids(page)
        page.get_by_role("button", name="Next").click()
        settled(page, "page 2 of")
        assert not set(ids(page)) & set(first)
        page.locator("#rows .open").first.click()
        expect(page.locator(".history li").first).to_contain_text("since")
        page.locator("#rows input").first.check()
        expect(page.locator("#commands")).to_contain_text("exception add --user")


@pytest.mark.parametrize(("theme", "language"), [("light", "en"), ("dark", "nl")])
def test_axe_finds_nothing_grave(looks: Looker, address: str, theme: Any, language: str) -> None:
    with looks.page(f"{address}?language={language}", theme=theme, **signed_in()) as page:
        page.locator("#status:not(:empty)").wait_for()
        page.locator("#rows .open").first.click()
        expect(page.locator(".history li").first).to_be_visible()
        assert page.locator("html").get_attribute("lang") == language
        assert grave_faults(page) == []


def test_nobody_sees_it_without_the_key(looks: Looker, address: str) -> None:
    with ExitStack() as stack:
        page = stack.enter_context(looks.page("about:blank"))
        for headers, status in (({}, 401), ({"X-Watch-Key": "wrong"}, 403)):
            for path in ("", "/rows", "/user", ".csv", ".json"):
                assert page.request.get(address + path, headers=headers).status == status
