"""Merge operators as functions on tensors; checkpoint and adapter reading; export."""
