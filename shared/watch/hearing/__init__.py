"""Being called by Graph: subscriptions, and what came of the calls."""
