"""The rules as data: editions of Microsoft's page, the SKU table, the findings' rows, the mute table."""
