"""The operating system, one family of calls per file."""
