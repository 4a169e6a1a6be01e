"""What is known of the tenant: read when it is due, and kept."""
