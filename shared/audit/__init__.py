"""A tenant read and judged once, as whoever is signed in, without storage and without any watch.

It reads by the watch's own functions and makes the ledger's own records, so that both say the same.
"""
