"""The data plane: it moves packets as control decided."""
