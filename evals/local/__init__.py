"""Tasks of one's own: rows of local files, a short form of task files, and scorers that lm-eval lacks."""
