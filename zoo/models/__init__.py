"""The models, one folder each: a card, data, the same model in Pyro and in NumPyro, and what is exact."""
