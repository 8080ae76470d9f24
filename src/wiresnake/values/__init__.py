"""Frozen nouns: keys, prefixes and endpoints, instants."""
