"""What the watch costs, as ratios measured side by side in one run (design §7): `make bench`."""
