"""Where the tenant stands, for people and programs: a page, a CSV file, JSON. From the ledger, or an audit.

`figures` is what a report says, `building` makes it, the forms word it. Nothing here asks Graph.
"""
