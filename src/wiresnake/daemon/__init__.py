"""The running service: process life, signals, privileges, the UAPI server."""
