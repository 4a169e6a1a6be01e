"""Microsoft Graph: what is asked of it, and what it calls with, which is verified before it counts."""
