"""Prepared state that the processes of one node have in common, as files that all of them map."""
