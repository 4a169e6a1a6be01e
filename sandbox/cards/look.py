"""The look of Teams as a host configuration of Microsoft's renderer, light and dark.

Our own reading of Teams: its font, sizes, spacing and colours; nothing of it decides what a card says.
"""

from typing import Any, Literal

Theme = Literal["light", "dark"]

THEMES: tuple[Theme, ...] = ("light", "dark")

FONT = "'Segoe UI', 'Noto Sans', 'Open Sans', 'DejaVu Sans', system-ui, sans-serif"

PAGES = {
    "light": {"page": "#f5f5f5", "card": "#ffffff", "edge": "#d1d1d1", "ink": "#242424"},
    "dark": {"page": "#1f1f1f", "card": "#292929", "edge": "#525252", "ink": "#ffffff"},
}
"""The colours around a card, and its background."""

INKS = {
    "light": {
        "default": ("#242424", "#616161"),
        "accent": ("#5b5fc7", "#5b5fc7"),
        "attention": ("#c4314b", "#c4314b"),
        "good": ("#237b4b", "#237b4b"),
        "warning": ("#8a5a00", "#8a5a00"),
    },
    "dark": {
        "default": ("#ffffff", "#adadad"),
        "accent": ("#9299f7", "#9299f7"),
        "attention": ("#f9526b", "#f9526b"),
        "good": ("#92c353", "#92c353"),
        "warning": ("#f8d22a", "#f8d22a"),
    },
}
"""The colours of text, plain and subtle."""


def host_config(theme: Theme) -> dict[str, Any]:
    """What the renderer is told: https://learn.microsoft.com/adaptive-cards/rendering-cards/host-config."""
    colours = {name: {"default": plain, "subtle": subtle} for name, (plain, subtle) in INKS[theme].items()}
    page = PAGES[theme]
    return {
        "supportsInteractivity": True,
        "fontFamily": FONT,
        "fontSizes": {"small": 12, "default": 14, "medium": 16, "large": 18, "extraLarge": 24},
        "fontWeights": {"lighter": 400, "default": 400, "bolder": 600},
        "lineHeights": {"small": 16, "default": 20, "medium": 22, "large": 26, "extraLarge": 32},
        "spacing": {"small": 8, "default": 12, "medium": 16, "large": 20, "extraLarge": 24, "padding": 16},
        "separator": {"lineThickness": 1, "lineColor": page["edge"]},
        "containerStyles": {
            "default": {"backgroundColor": page["card"], "foregroundColors": colours},
            "emphasis": {"backgroundColor": page["page"], "foregroundColors": colours},
        },
        "actions": {
            "maxActions": 6,
            "spacing": "default",
            "buttonSpacing": 8,
            "actionsOrientation": "horizontal",
            "actionAlignment": "left",
            "allowTitleToWrap": True,
        },
        "factSet": {
            "title": {"weight": "bolder", "wrap": True, "maxWidth": 150},
            "value": {"wrap": True},
            "spacing": 12,
        },
    }


def stylesheet(theme: Theme) -> str:
    """What Teams draws around a card, and its buttons."""
    page = PAGES[theme]
    return f"""
        body {{ margin: 0; padding: 12px; background: {page["page"]}; font-family: {FONT}; }}
        #card {{ border: 1px solid {page["edge"]}; border-radius: 6px; }}
        #card .ac-adaptiveCard {{ border-radius: 5px; }}
        #card p {{ margin: 0; }}
        #card td {{ padding-bottom: 4px !important; }}
        #card .ac-pushButton {{
            background: {page["card"]}; color: {page["ink"]}; border: 1px solid {page["edge"]};
            border-radius: 4px; font: 600 14px/20px {FONT}; padding: 5px 12px;
        }}
    """
