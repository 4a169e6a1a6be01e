"""Text from a tenant made harmless for a Markdown card or a terminal: it shows as it reads, and no more.

Names come from people, and some people are hostile: a display name may try to be a link, a mention, a
heading, a date function or a new line. Nothing of that survives (Adaptive Cards "Text features"; CommonMark,
backslash escapes).
"""

import re
import unicodedata

LONGEST = 120
"""A name is cut after so many characters, and shows that it was."""

_ALWAYS = re.compile(r"([\\`*\[\]~|])")
_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_ENTITY = re.compile(r"&(?=#?\w+;)")
_BLOCK = re.compile(r"^([-+#=]|\d+(?=[.)]))")
_LINK = re.compile(r"(?i)(://|www\.|mailto:)")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_GAP = "\u200b"


def plain(text: str, longest: int = LONGEST) -> str:
    """One line that Markdown shows literally. Angle brackets become quotation marks; invisible signs go."""
    line = one_line(text, longest)
    line = line.replace("<", "\u2039").replace(">", "\u203a")
    line = _ALWAYS.sub(r"\\\1", line)
    line = _UNDERSCORE.sub(r"\\_", line)
    line = _ENTITY.sub(r"\\&", line)
    line = _BLOCK.sub(_not_a_block, line)
    line = line.replace("{", _GAP + "{" + _GAP)
    return _LINK.sub(lambda found: found[0][:-1] + _GAP + found[0][-1], line)


def unescaped(text: str) -> str:
    """Such a text as Markdown shows it, for what knows no Markdown; still one line, no angle brackets."""
    return _ESCAPED.sub(r"\1", text)


def one_line(text: str, longest: int = LONGEST) -> str:
    """The text as one line that shows as it reads, where nothing has a meaning but control signs: a terminal.

    No sign is left that moves the cursor, sets colours, turns the direction or can't be seen.
    """
    # Most names have nothing but signs that print (no Other, of Separators only the space).
    seen = text if text.isprintable() else "".join(_visible(sign) for sign in text)
    line = " ".join(seen.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _visible(sign: str) -> str:
    """Line breaks and control signs become spaces; direction marks, joiners and halves of pairs vanish."""
    kind = unicodedata.category(sign)
    if kind in ("Cc", "Zl", "Zp"):
        return " "
    return "" if kind in ("Cf", "Cs", "Co", "Cn") else sign


def _not_a_block(found: re.Match[str]) -> str:
    """A sign that would begin a list or a heading; a number's own dot is what has to be escaped."""
    return found[1] + "\\" if found[1].isdigit() else "\\" + found[1]
