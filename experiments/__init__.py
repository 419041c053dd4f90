"""What an experiment is: the spec and its record."""
