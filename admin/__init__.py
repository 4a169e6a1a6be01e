"""What an administrator does from a shell: agree exceptions, release what the brake holds."""
