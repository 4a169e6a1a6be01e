"""What is believed of each user now, and the journal of every transition (design §4.3, §4.4)."""
