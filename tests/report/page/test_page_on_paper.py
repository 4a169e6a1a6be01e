"""The page on paper: whole tables, everybody who fits the filters, and no controls."""

import pytest
from playwright.sync_api import expect

from tests.report.page.looking import Looker, ground, names, settled
from tests.report.page.serving import Server

pytestmark = pytest.mark.real


PRINTING = """addEventListener("beforeprint", () => {
  window.onPaper = document.querySelectorAll("#rows tr.row").length;
  window.opened = document.querySelectorAll("#rows tr.detail").length;
})"""


def test_paper_has_whole_tables_and_no_controls(looks: Looker, file: str) -> None:
    with looks.page(file, theme="dark") as page:
        page.locator("summary").first.click()
        page.emulate_media(media="print")
        for name in (".tools", ".jump", "#filters", ".pager", "#selection", "summary", "#pick-all"):
            expect(page.locator(name).first).to_be_hidden()
        assert ground(page) in (0, 255), "no ground, or white"
        expect(page.locator("details table").first).to_be_visible()
        expect(page.locator("details table").last).to_be_hidden()
        assert page.evaluate(
            "[...document.querySelectorAll('.scroll')]"
            ".every((one) => getComputedStyle(one).overflowX === 'visible')"
        )
        assert page.locator("#rows tr").count() == 50


def test_paper_has_everybody_who_fits_the_filters_and_the_screen_is_as_it_was(
    looks: Looker, file: str
) -> None:
    with looks.page(file) as page:
        page.evaluate(PRINTING)
        page.get_by_role("button", name="Next").click()
        settled(page, "page 2 of 7")
        on_screen = names(page)
        page.locator("#rows .open").nth(2).click()
        page.pdf()
        assert page.evaluate("[onPaper, opened]") == [343, 1]
        assert page.locator("#printed").text_content() == "Printed here: all 343 users to act on."
        expect(page.locator("#printed")).to_be_hidden()
        assert names(page) == on_screen
        expect(page.locator("#rows tr.row").nth(2).locator("+ .detail")).to_be_visible()
        page.get_by_label("Search by name").fill("AN")
        expect(page.locator("#status")).not_to_contain_text("343")
        page.locator("#state").select_option("uncovered")
        expect(page.locator("#rows .c-writeback-uncovered")).to_have_count(0)
        page.pdf()
        some = page.evaluate("onPaper")
        assert page.locator("#status").inner_text().startswith(f"{some} users found")
        assert 10 < some < 343
        wanted = f"Printed here: {some} of 343 users to act on, filtered by: “AN”, not covered."
        assert page.locator("#printed").text_content() == wanted
        page.emulate_media(media="print")
        expect(page.locator("#printed")).to_be_visible()
        assert page.locator("#users thead th:visible").all_inner_texts() == [
            "User",
            "State",
            "Cause",
            "Severity",
            "Since",
        ]
        displays = page.locator("#users thead button").evaluate_all(
            "(all) => all.map((one) => getComputedStyle(one).display)"
        )
        assert set(displays) == {"contents"}, "a button is painted on the first sheet only"


def test_paper_says_how_many_of_how_many_it_has_where_the_page_has_not_all(
    looks: Looker, server: Server
) -> None:
    with looks.page(f"{server.url}/report") as page:
        page.evaluate(PRINTING)
        settled(page, "12,000 users found")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        printed = page.evaluate("onPaper")
        assert 3_000 < printed <= 5_000
        said = page.locator("#printed").text_content()
        assert said == f"Printed here: {printed:,} of 12,000 users. The CSV file has all of them."
