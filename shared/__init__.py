"""The watch itself, without the Functions host: what lies in which room is in docs/design.md §3."""
