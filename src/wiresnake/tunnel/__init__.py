"""The runtime: one protocol, one plane, the host's descriptors and clock."""
