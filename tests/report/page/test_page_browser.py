"""The page in a real browser: it answers to the mouse, asks nobody, and hostile names do nothing."""

import csv
import io
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import expect

from admin.intake import listed
from sandbox.sample_report import report
from shared.report.page import as_page
from shared.texts.catalogue import catalogue
from tests.hostile import HOSTILE
from tests.report.page.drawn import page as drawn_page
from tests.report.page.drawn import some_views
from tests.report.page.looking import Looker, Theme, names, settled
from tests.report.page.serving import Server

pytestmark = pytest.mark.real

ENGLISH = catalogue("en")
N = 12_000
THEMES: tuple[Theme, ...] = ("light", "dark")


def test_search_filter_sort_and_pages_answer_from_the_server(looks: Looker, server: Server) -> None:
    with looks.page(f"{server.url}/report") as page:
        settled(page, "12,000 users found; page 1 of 240.")
        before = len(server.asked)
        page.get_by_role("button", name="Next").click()
        settled(page, "page 2 of 240")
        assert len(server.asked) == before, "the second page is here already"
        page.get_by_label("Search by name").fill("ROMANO")
        expect(page.locator("#status")).not_to_contain_text("12,000")
        shown = names(page)
        assert shown
        assert all("Romano" in one for one in shown)
        page.get_by_role("button", name="Clear").click()
        settled(page, "12,000 users found")
        page.locator("#state").select_option("writeback-uncovered")
        page.locator("#severity").select_option("high")
        expect(page.locator("#status")).not_to_contain_text("12,000")
        assert set(page.locator("#rows .state").all_inner_texts()) == {"not covered for writeback"}
        csv_link = page.get_by_role("link", name="Users as CSV").get_attribute("href") or ""
        assert "states=writeback-uncovered" in csv_link
        page.get_by_role("button", name="Clear").click()
        settled(page, "12,000 users found")
        page.get_by_role("button", name="User", exact=True).click()
        expect(page.locator("[data-sort=name]")).to_have_attribute("aria-sort", "ascending")
        ascending = names(page)
        assert ascending == sorted(ascending, key=str.casefold)
        page.get_by_role("button", name="User", exact=True).click()
        expect(page.locator("[data-sort=name]")).to_have_attribute("aria-sort", "descending")
        assert names(page)[0] > ascending[-1]
        page.get_by_label("Rows a page").select_option("100")
        settled(page, "page 1 of 120")
        assert len(names(page)) == 100


def test_a_file_answers_the_same_by_itself(looks: Looker, file: str, server: Server) -> None:
    with looks.page(file, offline=True) as page:
        settled(page, "343 users found; page 1 of 7.")
        first = names(page)
        page.get_by_label("Search by name").fill(first[3].split()[0].upper())
        expect(page.locator("#status")).not_to_contain_text("343 users")
        assert all(first[3].split()[0] in one for one in names(page))
        page.get_by_label("Search by name").fill("nobody at all")
        settled(page, "No user fits.")
        page.get_by_role("button", name="Clear").click()
        settled(page, "343 users found")
        assert names(page) == first
        page.get_by_role("button", name="Since").click()
        since = page.locator("#rows td.nowrap").all_inner_texts()
        assert since[0]
        page.locator("#kind").select_option("differing")
        page.locator("#rows .open").first.click()
        assert "by Microsoft's page of 4 March 2025" in page.locator(".detail").inner_text()


def test_the_language_can_be_changed(looks: Looker, server: Server) -> None:
    with looks.page(f"{server.url}/report") as page:
        page.get_by_role("link", name="Nederlands").click()
        settled(page, "12.000 gebruikers gevonden; pagina 1 van 240.")
        page.locator("#state").select_option("uncovered")
        expect(page.locator("#rows .state").first).to_have_text("niet gedekt")
        page.get_by_role("link", name="English").click()
        settled(page, "12,000 users found")


def test_the_button_beside_an_edition_shows_who_is_judged_otherwise(looks: Looker, file: str) -> None:
    with looks.page(file) as page:
        page.get_by_role("button", name="Show them").click()
        expect(page.locator("#kind")).to_have_value("differing")
        expect(page.locator("#kind")).to_be_focused()
        expect(page.locator("#status")).not_to_contain_text("343 users")


def test_a_row_opens_to_cause_remedy_and_history(looks: Looker, server: Server) -> None:
    with looks.page(f"{server.url}/report") as page:
        open_it = page.locator("#rows .open").first
        expect(open_it).to_have_attribute("aria-expanded", "false")
        open_it.click()
        expect(open_it).to_have_attribute("aria-expanded", "true")
        detail = page.locator(".detail")
        expect(detail).to_contain_text("not covered <b> from 2 October 2026 to 9 October 2026")
        expect(detail).to_contain_text("A licence for it is in place.")
        expect(detail).to_contain_text(server.rows[0].id)
        assert ("/report/user", {"id": server.rows[0].id}) in server.asked
        assert detail.locator("ol li").count() == len(server.rows[0].remedy)
        open_it.click()
        expect(detail).to_have_count(0)


def test_what_the_server_cannot_give_is_said_and_can_be_tried_again(looks: Looker, server: Server) -> None:
    with looks.page(f"{server.url}/report") as page:
        server.failing = True
        try:
            page.locator("#state").select_option("uncovered")
            settled(page, "could not be loaded")
            page.locator("#rows .open").first.click()
            expect(page.locator(".history")).to_have_text("The history could not be loaded.")
        finally:
            server.failing = False
        page.get_by_role("button", name="Try again").click()
        settled(page, "page 1 of")
        assert [one for one in looks.complaints if "503" not in one] == []
        looks.complaints.clear()


def test_few_selected_users_give_commands_and_many_a_list_that_the_import_takes(
    looks: Looker, file: str, tmp_path: Path
) -> None:
    with looks.page(file) as page:
        expect(page.locator("#selection")).to_be_hidden()
        boxes = page.locator("#rows input[type=checkbox]")
        boxes.nth(0).check()
        boxes.nth(1).check()
        expect(page.locator("#picked-count")).to_have_text("2 users selected")
        page.get_by_label("Owner").fill('Grace "; rm -rf $HOME `x` \u201c%PATH%\u201d')
        page.locator("#why").fill("Leaves in June")
        page.get_by_label("Until").fill("2027-03-31")
        commands = page.locator("#commands").inner_text().splitlines()
        ids = [one.get_attribute("data-id") for one in page.locator("#rows tr.row").all()]
        assert commands == [
            f"python -m admin exception add --user {one} --kind coverage --until 2027-03-31"
            ' --owner "Grace ; rm -rf HOME x PATH" --reason "Leaves in June"'
            for one in ids[:2]
        ]
        page.get_by_label("Owner").fill("=cmd|' /C calc'!A0")
        page.get_by_label("Select every user of this page").check()
        expect(page.locator("#picked-count")).to_have_text("50 users selected")
        expect(page.locator("#commands")).to_have_text("python -m admin exception import exceptions.csv")
        with page.expect_download() as download:
            page.get_by_role("button", name="Download the list").click()
        there = tmp_path / download.value.suggested_filename
        download.value.save_as(there)
        assert there.name == "exceptions.csv"
        text = there.read_text(encoding="utf-8-sig")
        assert all(not cell.startswith("=") for row in csv.reader(io.StringIO(text)) for cell in row)
        taken = listed(text)
        assert [one.user for one in taken] == ids
        assert {(one.owner, one.reason, one.until) for one in taken} == {
            ("=cmd|' /C calc'!A0", "Leaves in June", "2027-03-31")
        }
        page.get_by_role("button", name="Select nobody").click()
        expect(page.locator("#selection")).to_be_hidden()


def test_a_selection_outlasts_turning_the_page(looks: Looker, file: str) -> None:
    with looks.page(file) as page:
        page.locator("#rows input").first.check()
        page.get_by_role("button", name="Next").click()
        settled(page, "page 2 of 7")
        page.locator("#rows input").first.check()
        expect(page.locator("#picked-count")).to_have_text("2 users selected")
        page.get_by_role("button", name="Previous").click()
        expect(page.locator("#rows input").first).to_be_checked()


def test_hashed_ids_make_no_exception(looks: Looker, tmp_path: Path) -> None:
    there = tmp_path / "report.html"
    made = msgspec.structs.replace(report(), pseudonymised=True)
    there.write_text(drawn_page(ENGLISH, 10, made).html, encoding="utf-8")
    with looks.page(there.as_uri()) as page:
        page.locator("#rows input").first.check()
        expect(page.locator("#commands")).to_be_hidden()
        expect(page.locator("#no-ids")).to_be_visible()


def test_a_served_page_that_was_saved_asks_nobody_and_says_what_it_lacks(
    looks: Looker, server: Server, tmp_path: Path
) -> None:
    there = tmp_path / "report.html"
    there.write_text(server.answer("/report", {})[2].decode(), encoding="utf-8")
    with looks.page(there.as_uri(), offline=True) as page:
        held = page.locator("#held")
        expect(held).to_contain_text("This saved page holds the first")
        expect(held).to_contain_text("of 12,000 users to act on")
        expect(page.get_by_role("link", name="Nederlands")).to_be_hidden()
        page.locator("#rows .open").first.click()
        expect(page.locator(".history")).to_have_text(
            "The history of a user is in the report of the deployed watch."
        )
        page.get_by_role("button", name="Clear").click()
        page.locator("#state").select_option("uncovered")
        expect(page.locator("#rows .state").first).to_have_text("not covered")
        expect(page.locator("#status")).not_to_have_class("failed")
    with looks.page(f"{server.url}/report") as page:
        expect(page.locator("#held")).to_be_hidden()
        expect(page.get_by_role("link", name="Nederlands")).to_be_visible()


def test_without_a_script_it_still_reads(looks: Looker, server: Server) -> None:
    with looks.page(f"{server.url}/report", java_script_enabled=False) as page:
        expect(page.get_by_text("Without JavaScript only the first 50 of 12,000 users")).to_be_visible()
        assert page.locator("#rows tr").count() == 50
        for name in ("#filters", "#theme", ".pager", "#selection"):
            expect(page.locator(name)).to_be_hidden()


def test_hostile_names_are_shown_and_do_nothing(looks: Looker, tmp_path: Path) -> None:
    names_of = [name + "</script><img src=x onerror=alert(1)>" for name, _ in HOSTILE.values()]
    views = [
        msgspec.structs.replace(one, name=name, upn=name, cause_text=name, remedy=(name,), skus=(name,))
        for one, name in zip(some_views(len(names_of), ENGLISH), names_of, strict=True)
    ]
    made = msgspec.structs.replace(report(), tenant_name=names_of[0], rows=len(views))
    there = tmp_path / "report.html"
    there.write_text(as_page(made, views, len(views), ENGLISH).html, encoding="utf-8")
    with looks.page(there.as_uri()) as page:
        page.on("dialog", lambda one: looks.complaints.append(one.message))
        for one in page.locator("#rows .open").all():
            one.click()
        page.get_by_label("Select every user of this page").check()
        assert page.locator("img").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
        assert sum("onerror" in one for one in names(page)) == len(views)
