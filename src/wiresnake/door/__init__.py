"""The one door between control and a data plane: commands, notices, snapshots."""
