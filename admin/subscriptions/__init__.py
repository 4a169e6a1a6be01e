"""`python -m admin subscriptions`: the Graph subscriptions, shown, and asked for from the app."""
