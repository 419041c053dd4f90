"""Models whose tokenizers differ, presented in one vocabulary."""
