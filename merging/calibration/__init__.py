"""Running the models on a few examples, for operators whose weights come from data."""

# Operators import this package and its options import theirs: whoever comes first, theirs must load first.
import merging.operators  # noqa: F401
