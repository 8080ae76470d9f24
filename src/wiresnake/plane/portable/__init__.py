"""The portable plane: a pure core in an I/O shell, over the cryptography package."""
