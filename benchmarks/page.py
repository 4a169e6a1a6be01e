"""docs/measurements.md: its sections are written by the commands that measure, its prose by people."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "measurements.md"

_END = "<!-- end -->"


def write(name: str, markdown: str, page: Path = PAGE) -> None:
    """Put `markdown` between `<!-- name -->` and the next `<!-- end -->`, in place of what stands there.

    The rest of the page stays as it is, byte by byte. Raises `LookupError` if the page has not exactly one
    such block, `ValueError` if the text would end the block itself; the page is left alone then.
    """
    if re.search(r"<!--\s*(end|[\w-]+)\s*-->", markdown):
        raise ValueError(f"the text for block {name} has a mark of the page in it")
    block = re.compile(rf"(<!-- {re.escape(name)} -->\n)(.*?)({_END})", re.DOTALL)
    text = page.read_bytes().decode()
    places = block.findall(text)
    if len(places) != 1 or "<!--" in places[0][1]:
        raise LookupError(f"{page.name} must have one block {name}, closed by {_END}")
    body = f"{markdown.strip()}\n" if markdown.strip() else ""
    page.write_bytes(block.sub(lambda found: f"{found[1]}{body}{found[3]}", text).encode())
