"""Microsoft Graph as the documentation describes it, awkward parts included, over real HTTP.

`tenant.generate` makes a tenant from a seed, `server.serve` answers for it, `control.Control` changes it.
Docstrings cite the simulator's behaviour contract (tests/sandbox/graph/contract.toml) as `graph.md §n`.
"""
