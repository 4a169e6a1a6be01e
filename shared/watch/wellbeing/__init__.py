"""The watch looks after itself: what is overdue, what health says, what is measured."""
