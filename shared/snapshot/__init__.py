"""A saved reading of a tenant: the facts and users that verdicts rest on, to be judged again by anyone.

Pure but for the file object that a caller opens: no Graph, no storage, no clock.
"""
