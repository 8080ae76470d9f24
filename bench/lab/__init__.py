"""The laboratory: hosts on one machine, the programs under test on them, and traffic between."""
