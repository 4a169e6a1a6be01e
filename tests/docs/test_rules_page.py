"""docs/rules.md quotes every rule as the editions have it."""

from tools.write_rules_page import PAGE, page


def test_the_page_of_rules_is_what_the_editions_say() -> None:
    assert PAGE.read_text() == page(), "run: make rules-page"
