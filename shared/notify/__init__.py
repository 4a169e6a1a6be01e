"""Telling people: the journal read, a decision, a hand-over, and the memory of all three (design §4.5)."""
