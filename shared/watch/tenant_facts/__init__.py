"""What is known of the tenant, and whom a change of it makes to be judged again."""
