"""Groups that assign licences: their members, errors, nested groups."""
