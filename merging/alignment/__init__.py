"""Bringing two models whose neurons stand in another order into one order before they are merged."""
