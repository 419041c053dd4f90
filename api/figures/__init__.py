"""What answers hold that the record does not as such: intervals, shares, rungs, warnings."""
