"""`python -m tools.package`: the app as it goes to Azure, built on this machine (docs/package.md)."""
