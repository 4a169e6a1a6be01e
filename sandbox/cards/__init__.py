"""Cards as Teams would show them: Microsoft's renderer, in a real browser, without a network."""
