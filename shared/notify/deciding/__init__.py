"""What is told to whom, and why the rest is not: a pure function of table, settings, orders and time."""
