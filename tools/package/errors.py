"""What keeps a package from being built, in words for whoever ran `make package`."""


class PackageError(Exception):
    """The message says what happened and what to do; what was in dist/ before is still there."""
