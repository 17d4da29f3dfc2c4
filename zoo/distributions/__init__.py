"""Distributions that neither library has and several models share: one file a library, the same class in both."""
