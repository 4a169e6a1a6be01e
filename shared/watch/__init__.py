"""What the watch does when something triggers it: one module a job, each given the same parts.

This room joins Graph, ledger and notifier. The functions call it; nothing below knows it.
"""
