"""What a change would do to the verdicts of a saved reading. Pure: no I/O, no clock, nothing is written."""
