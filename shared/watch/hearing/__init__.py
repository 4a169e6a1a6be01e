"""Being called by Graph: subscriptions, what came of the calls, what to read where some were lost."""
