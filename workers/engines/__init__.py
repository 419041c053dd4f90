"""Resident inference engines: the weights of a candidate are written into them in place."""
