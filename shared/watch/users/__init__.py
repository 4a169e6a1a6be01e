"""Users: looked at when somebody says so, asked for by delta, read all of them by the sweep."""
