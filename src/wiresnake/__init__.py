"""WireGuard in Python: the tunnel, its daemon and its command."""

__version__ = "0.1.0"
