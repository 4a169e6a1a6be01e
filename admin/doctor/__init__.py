"""`python -m admin doctor`: looks at everything the watch rests on, and says of each thing how it is.

`rows` is the table of what there is to look at; each file of checks holds one concern. A check is a function
of the `Room` that gives what it found as data (`lights.Said`); `showing` puts it into words. It only looks:
what it writes is a test blob that it deletes again, and a test card where somebody said yes to it.
"""
