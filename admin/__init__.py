"""What an administrator does from a shell: `python -m admin`, a file or a folder for each command."""
