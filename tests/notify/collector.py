"""What was told and when, held against what a story expects: missing and extra cards are listed."""

from datetime import datetime


class Collector:
    """Collects cards by second of the story."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self.heard: list[tuple[float, str]] = []

    def card(self, at: datetime, words: str) -> None:
        """A card that reached people."""
        self.heard.append(((at - self._start).total_seconds(), words))

    def expect(self, *cards: tuple[float, str]) -> None:
        """Fails unless exactly these cards, at exactly these seconds, were heard."""
        missing = [card for card in cards if card not in self.heard]
        extra = [card for card in self.heard if card not in cards]
        twice = [card for card in set(self.heard) if self.heard.count(card) != cards.count(card)]
        faults = f"missing: {missing}\nextra: {extra}\ncounted otherwise: {twice}"
        assert [missing, extra, twice] == [[], [], []], faults
