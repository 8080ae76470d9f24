"""Who takes part: our own planes, other WireGuards, what the field left behind, a yardstick."""
