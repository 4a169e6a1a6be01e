"""Who is in reach: the registration report, scope and emergency groups, kept by shard of the ledger."""
