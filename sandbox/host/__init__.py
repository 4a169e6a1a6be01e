"""A Functions host on the laptop: the real app, run by Microsoft's own Python runtime.

`runtime` indexes an app and invokes its functions in this process; `live` adds what the Azure host does
around the runtime (HTTP routes, timers, queues, outputs); `process` runs that as a process of its own.
Behaviour follows Microsoft's pages on host.json, the queue and timer triggers and the HTTP trigger; what the
laptop can't have (function keys, scale, leases between instances) is left out and said where it matters.
"""
