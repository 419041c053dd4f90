"""Ray actors that hold a resident engine and score recipes."""
