"""The story of `make demo`: what breaks is told once, what is fixed too, and what is noise is not told."""
