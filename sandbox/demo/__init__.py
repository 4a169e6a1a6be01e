"""The story of `make demo`: a licence goes and comes back, a group runs out of seats, a call is forged."""
