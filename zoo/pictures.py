"""What a generative model's pictures say in numbers: novelty, sharpness, coverage, and where its codes lead.

NumPy only, and no plotting: `zoo.report.images` draws what is computed here. Rows are flat, (n, D); an image's
height and width are given where they matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from zoo.errors import UserError

if TYPE_CHECKING:
    from zoo.run import Run

CHUNK = 2**22  # distances held at once


@dataclass(frozen=True)
class Nearest:
    """How far samples are from the data, beside how far the data are from each other.

    Args:
        index: of each sample's nearest row of the data (n,).
        distance: to that row, Euclidean, in the data's unit (n,).
        between: from each row of the data to the nearest other row (m,).
    """

    index: np.ndarray
    distance: np.ndarray
    between: np.ndarray

    @property
    def copies(self) -> float:
        """Share of the samples that are nearer to a row than 99 % of the rows are to another: memory, not novelty."""
        return float(np.mean(self.distance < np.quantile(self.between, 0.01)))


def nearest(samples: np.ndarray, data: np.ndarray) -> Nearest:
    """Return the nearest row of the data to each sample, and the data's own nearest distances.

    Args:
        samples: rows (n, D).
        data: rows (m, D), two at least.

    Raises:
        UserError: shapes that do not go together, or fewer than two rows of data.

    >>> found = nearest(np.array([[0.9], [6.0]]), np.array([[0.0], [1.0], [4.0]]))
    >>> found.index.tolist(), found.distance.round(6).tolist(), found.between.tolist()
    ([1, 2], [0.1, 2.0], [1.0, 1.0, 3.0])
    """
    samples, data = _rows(samples, data)
    if len(data) < 2:
        raise UserError("nearest: give at least two rows of data, so that they have distances of their own")
    index, distance = _closest(samples, data, 1, own=False)
    return Nearest(index[:, 0], distance[:, 0], _closest(data, data, 1, own=True)[1][:, 0])


def _rows(samples: np.ndarray, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    samples, data = np.asarray(samples, float), np.asarray(data, float)
    if samples.ndim != 2 or data.ndim != 2 or samples.shape[1] != data.shape[1] or not len(samples) or not len(data):
        raise UserError(f"samples {samples.shape} and data {data.shape} must be rows (n, D) and (m, D) of one length")
    return samples, data


def _closest(samples: np.ndarray, data: np.ndarray, k: int, *, own: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return index and distance of the k nearest rows (n, k), nearest first; `own` leaves a row itself out."""
    indices, step = [], max(1, CHUNK // len(data))
    for first in range(0, len(samples), step):
        some = samples[first : first + step]
        squares = (some**2).sum(1)[:, None] - 2 * some @ data.T + (data**2).sum(1)
        if own:
            squares[np.arange(len(some)), first + np.arange(len(some))] = np.inf
        indices.append(np.argsort(squares, 1, kind="stable")[:, :k])
    index = np.concatenate(indices)
    # Anew from the differences: the expanded square loses the digits of a small distance.
    distance = np.stack([np.linalg.norm(samples - data[column], axis=1) for column in index.T], 1)
    return index, distance


def sharpness(images: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the variance of each image's Laplacian: large where edges are sharp, 0 where nothing but ramps is seen.

    The Laplacian is the sum of a pixel's four neighbours less four times itself, at the pixels that have four. It
    is one of the standard measures of focus ("LAPV" of Pertuz, Puig and Garcia, Analysis of focus measure operators
    for shape-from-focus, Pattern Recognition 46, 2013, 1415-1432). Noise counts as edges do: white noise of variance
    s² adds 20 s². Compare the means of a decoder with data, or both with the noise that the model adds.

    Args:
        images: (n, height × width).
        shape: height and width, 3 at least.

    Returns:
        (n,), in the square of the pixels' unit.

    Raises:
        UserError: the shape is not that of the rows, or too small for a Laplacian.

    >>> board = np.indices((4, 4)).sum(0) % 2
    >>> ramp = np.arange(16.0)
    >>> sharpness(np.stack([board.ravel(), ramp]), (4, 4)).tolist()
    [16.0, 0.0]
    """
    images, (height, width) = np.asarray(images, float), shape
    if images.ndim != 2 or images.shape[1] != height * width or min(shape) < 3:
        raise UserError(f"images {images.shape} are not rows of {height} × {width} pixels, 3 × 3 at least")
    x = images.reshape(-1, height, width)
    around = x[:, :-2, 1:-1] + x[:, 2:, 1:-1] + x[:, 1:-1, :-2] + x[:, 1:-1, 2:]
    return (around - 4 * x[:, 1:-1, 1:-1]).var((1, 2))


@dataclass(frozen=True)
class Coverage:
    """Which classes a model's samples fall into.

    Args:
        classes: in order (K,).
        share: of the samples by class (K,).
        data_share: of the data by class (K,).
        voted: each sample's class (n,).
    """

    classes: np.ndarray
    share: np.ndarray
    data_share: np.ndarray
    voted: np.ndarray

    @property
    def distance(self) -> float:
        """Total variation between the two: the share of samples that would have to change their class."""
        return float(0.5 * np.abs(self.share - self.data_share).sum())


def coverage(samples: np.ndarray, data: np.ndarray, labels: np.ndarray, k: int = 5) -> Coverage:
    """Give each sample a class by a vote of its k nearest rows, and count the classes.

    A sample that looks like nothing gets a class too, that of what is least far away: read it beside `nearest`.

    Args:
        samples: rows (n, D).
        data: rows (m, D).
        labels: their classes (m,).
        k: rows that vote; among classes with as many votes the one of the nearest row wins.

    Raises:
        UserError: shapes that do not go together, or k is not from 1 to m.

    >>> data, labels = np.array([[0.0], [0.2], [5.0], [5.2]]), np.array([0, 0, 1, 1])
    >>> found = coverage(np.array([[0.1], [4.0], [6.0]]), data, labels, k=1)
    >>> found.voted.tolist(), found.share.round(3).tolist(), found.data_share.tolist()
    ([0, 1, 1], [0.333, 0.667], [0.5, 0.5])
    """
    samples, data = _rows(samples, data)
    labels = np.asarray(labels)
    if labels.shape != (len(data),):
        raise UserError(f"coverage: labels {labels.shape} must be one a row of the data, ({len(data)},)")
    if not 1 <= k <= len(data):
        raise UserError(f"coverage: k={k} must be from 1 to the number of rows, {len(data)}")
    classes, places = np.unique(labels, return_inverse=True)
    near = places[_closest(samples, data, k, own=False)[0]]
    votes = (near[..., None] == np.arange(len(classes))).sum(1)
    most = votes == votes.max(1, keepdims=True)
    # The first neighbour whose class has the most votes.
    first = np.take_along_axis(most, near, 1).argmax(1)
    chosen = near[np.arange(len(near)), first]
    share, data_share = (np.bincount(p, minlength=len(classes)) / len(p) for p in (chosen, places))
    return Coverage(classes, share, data_share, classes[chosen])


@dataclass(frozen=True)
class Decoded:
    """Codes and what the model makes of them.

    Args:
        codes: values of the local latent (n, L).
        means: E[x | z] of each (n, D).
        draws: a draw of x given z (n, D); None where none was asked for.
    """

    codes: np.ndarray
    means: np.ndarray
    draws: np.ndarray | None = None


def decode(run: Run, codes: np.ndarray) -> np.ndarray:
    """Return the mean of x given codes (n, D).

    Args:
        run: of a model with one continuous local latent, a vector, and no global ones.
        codes: (n, L).

    Raises:
        UserError: the model is of another kind, or the codes of another length.
    """
    name, size = _latent(run)
    codes = np.asarray(codes, float)
    if codes.ndim != 2 or codes.shape[1] != size:
        raise UserError(f"codes {codes.shape} must be rows of {size}, the length of {name!r}")
    made = run.program.forward(run.model_params, {name: codes[None]}, 1, len(codes), 0, read="mean")
    return np.asarray(made[next(iter(run.data))][0])


def novel(run: Run, n: int, seed: int = 0) -> Decoded:
    """Draw n rows of novel data with their codes and means; the draws are those of `run.sample`.

    Args:
        run: as for `decode`.
        n: how many.
        seed: of the draws.

    Raises:
        UserError: the model is of another kind.
    """
    name, _ = _latent(run)
    drawn = run.program.forward(run.model_params, {}, 1, n, seed)
    codes = np.asarray(drawn[name][0])
    return Decoded(codes, decode(run, codes), np.asarray(drawn[next(iter(run.data))][0]))


def traversal(run: Run, steps: int = 9, axis: int = 0) -> Decoded:
    """Decode codes in order: a square for codes of two numbers, and one line for others.

    Steps are at the quantiles (i + ½) / steps of the standard normal, so that the prior gives each the same share
    of its mass. The square's first number grows from left to right, its second from below to above; it is given
    row by row from the top. On a line the other numbers of the code are 0.

    Args:
        run: as for `decode`.
        steps: along each side.
        axis: which number of the code a line goes along; without effect on a square.

    Returns:
        Codes and means, (steps², …) or (steps, …).

    Raises:
        UserError: the model is of another kind, or there is no such axis or step.
    """
    name, size = _latent(run)
    if steps < 1 or not 0 <= axis < size:
        raise UserError(f"traversal: steps={steps} must be at least 1, and axis={axis} one of {name!r}'s {size}")
    at = quantiles(steps)
    if size == 2:
        codes = np.stack(np.meshgrid(at, at[::-1]), -1).reshape(-1, 2)
    else:
        codes = np.zeros((steps, size))
        codes[:, axis] = at
    return Decoded(codes, decode(run, codes))


def quantiles(steps: int) -> np.ndarray:
    """Return the standard normal's quantiles at (i + ½) / steps (steps,).

    >>> quantiles(3).round(4).tolist()
    [-0.9674, 0.0, 0.9674]
    """
    return np.array([NormalDist().inv_cdf((i + 0.5) / steps) for i in range(steps)])


def _latent(run: Run) -> tuple[str, int]:
    """Return the name and the length of the model's code."""
    active = [s for s in run.model.card.active_sites(run.model.options) if s.kind == "latent"]
    if len(active) != 1 or not active[0].local or active[0].discrete or len(active[0].shape) != 2:
        raise UserError(
            f"model {run.model.name!r} has no code to decode: this takes one continuous local latent, a vector a row, "
            "and no global ones"
        )
    sizes = run.model.card.dims(run.data, run.model.options)
    return active[0].name, int(sizes[active[0].shape[1]])
