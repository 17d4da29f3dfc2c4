"""Where learning starts: at the columns' means, beside the plane in which the rows vary most, with too much noise."""

from collections.abc import Mapping

import numpy as np

from guides.start import Start
from zoo.errors import UserError
from zoo.models.seeding import rounding, subsample, varies

JITTER = 0.5  # of the noise's sd, so that seeds differ and something is left to learn


def start(data: Mapping[str, np.ndarray], rng: np.random.Generator, *, latent: int = 2, D: int = 4) -> dict[str, Start]:
    """Start with axes turned at random within the principal plane of a subsample, off it by the noise's size.

    The noise's sd, which all columns share, is the unit of v for weight and loc: it is by how much they must move to
    change what a row is taken for. A unit is a factor e for scale.

    Args:
        data: {"x": rows, shape (n, D)}.
        rng: draws the subsample, the turn and the jitter, so that seeds differ.
        latent, D: the model's options.

    Returns:
        A Start for "weight" (D, latent), "loc" (D,), "scale" (), and for one row's "z" (latent,).

    Raises:
        UserError: `latent` axes hold all rows, so that the likelihood has no maximum.
    """
    middle = data["x"].mean(0)
    try:
        axes, noise = principal(subsample(data["x"], rng) - middle, latent)
    except ValueError:
        # What a subsample lacks, other rows may have.
        axes, noise = _principal_of_all(data["x"], middle, latent)
    turn, _ = np.linalg.qr(rng.standard_normal((latent, latent)))
    weight = axes @ turn + JITTER * noise * rng.standard_normal((D, latent))
    return {
        "weight": Start(weight, np.full((D, latent), noise)),
        "loc": Start(middle + JITTER * noise * rng.standard_normal(D), np.full(D, noise)),
        "scale": Start(2 * noise),
        "z": Start(np.zeros(latent), 1.0),
    }


def principal(off: np.ndarray, latent: int) -> tuple[np.ndarray, float]:
    """Return the principal axes of centred rows, each as long as the rows' sd along it, and the sd off their plane.

    Args:
        off: rows less the columns' means (n, D).
        latent: number of axes; those beyond D are 0.

    Returns:
        The axes (D, latent), and the root mean square of the sds along the others; the least sd if there are none.

    Raises:
        ValueError: that is 0 up to rounding.
    """
    _, singular, axes = np.linalg.svd(off, full_matrices=False)
    D, kept = off.shape[1], min(latent, off.shape[1] - 1)
    sds = np.pad(singular, (0, D - len(singular))) / np.sqrt(len(off))
    noise = float(np.sqrt((sds[kept:] ** 2).mean()))
    if noise <= rounding(sds[0], off):
        raise ValueError
    along = sds[: len(axes), None] * axes
    return np.pad(along, ((0, max(0, latent - len(along))), (0, 0)))[:latent].T, noise


def _principal_of_all(x: np.ndarray, middle: np.ndarray, latent: int) -> tuple[np.ndarray, float]:
    try:
        return principal(x - middle, latent)
    except ValueError:
        still = np.flatnonzero(~varies(x))
        why = f" (columns that do not vary, from 0: {', '.join(map(str, still))})" if len(still) else ""
        raise UserError(
            f"ppca: {min(latent, x.shape[1])} axes hold all {len(x)} rows of x{why}, and the likelihood grows without"
            " bound as scale goes to 0; lower latent, or give rows that vary in more directions"
        ) from None
