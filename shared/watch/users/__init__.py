"""Users: looked at when somebody says so, when facts changed, by delta, all of them by the sweep."""
