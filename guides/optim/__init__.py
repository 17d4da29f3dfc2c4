"""Optimisers that read the same in either backend."""
