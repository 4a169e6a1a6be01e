"""Handing over what is to be told: to Teams, and as signed webhooks."""
