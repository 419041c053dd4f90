"""Merging in the space of LoRA adapters: adapters in, an adapter or a reversible basis out."""
