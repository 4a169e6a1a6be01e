"""A tenant on your laptop: everything the watch talks to, simulated or real, on loopback only."""
