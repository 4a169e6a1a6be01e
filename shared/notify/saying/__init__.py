"""A message in words: cards for Teams, events for webhooks, the commands and names in them."""
