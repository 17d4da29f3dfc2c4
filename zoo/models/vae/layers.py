"""The decoder's shape, which the model, its data and its exact answers share."""


def sizes(latent: int, hidden: int, depth: int, likelihood: str, covariance: str, rank: int, D: int) -> tuple[int, ...]:
    """Return how many units each layer has, from the code to what describes a row of x.

    The last layer puts out, in this order: means (or log-odds) (D,); for a Gaussian, what scales come from
    (D,); for a low-rank covariance, the factor (D, rank), flat.

    >>> sizes(8, 128, 1, "gaussian", "low_rank", 2, 64)
    (8, 128, 256)
    """
    per_column = 1 if likelihood == "bernoulli" else 2 if covariance == "diagonal" else 2 + rank
    return (latent, *[hidden] * depth, per_column * D)
