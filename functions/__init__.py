"""Triggers: bind, call one function of shared/, answer. No rule and no Graph call is written here."""
