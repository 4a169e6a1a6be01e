"""What people read, in every language there is: a file each, and what puts values into it."""
