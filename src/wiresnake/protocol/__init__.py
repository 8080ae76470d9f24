"""The WireGuard protocol, pure: time, randomness and datagrams are arguments."""
