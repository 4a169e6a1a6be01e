"""`python -m admin audit`: a tenant read once by whoever is signed in, and what was found as four files."""
