"""How large a run of the amortization benchmark is: quick (for its test), reduced (the default), full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.amortization_cases import Case, gmm, hierarchical_normal, ppca, random_walk, vae


@dataclass(frozen=True)
class Plan:
    """Sizes of a run.

    Args:
        name: "quick", "reduced" or "full"; in every output.
        seeds: of learning, none of them the tuning seed.
        frozen, totals, joint: the cases of E1, of E1 with global latents, and of E2.
        looks: at each curve.
        rows: of each index set, and of these the first so many get a log p(x) by quadrature.
        draws: of a measurement, by row.
        new_rows: n' of latency; per_datapoint is fitted for at most `most_fitted` of them.
        on_pyro: arms of E1 that are repeated on Pyro, by case.
        device: to compute on.
    """

    name: str
    seeds: Sequence[int]
    frozen: Sequence[Case]
    totals: Sequence[Case]
    joint: Sequence[Case]
    looks: int = 50
    rows: int = 100
    quadrature_rows: int = 20
    draws: int = 2000
    new_rows: Sequence[int] = (1, 100, 10_000)
    most_fitted: Mapping[str, int] = field(default_factory=dict)
    on_pyro: Mapping[str, Sequence[str]] = field(default_factory=dict)
    device: str = "cpu"


def reduced(device: str = "cpu") -> Plan:
    """Return the size that two CPU cores take in less than 15 minutes."""
    visits = (1, 5)
    small = [ppca(6000, visits), gmm(2000, visits)]
    digits = vae(3000, visits)
    return Plan(
        "reduced",
        (0, 1, 2),
        [*small, random_walk(3000), digits],
        [hierarchical_normal(2000, visits), hierarchical_normal(2000, visits, rows=1000)],
        [small[0], digits],
        most_fitted={digits.name: 100},
        on_pyro={"ppca": ("amortized",)},
        device=device,
    )


def full(device: str = "cpu") -> Plan:
    """Return the whole design: 10 seeds, 20 row steps, images of MNIST's size, codes of 2 and of 50 numbers."""
    visits = (1, 5, 20)
    small = [ppca(10_000, visits), gmm(5000, visits)]
    large = [
        vae(30_000, visits, latent=latent, hidden=200, depth=2, data="mnist", held_out=1000, most_rows=200, wide=1000)
        for latent in (2, 50)
    ]
    return Plan(
        "full",
        range(10),
        [*small, random_walk(5000), vae(10_000, visits), *large],
        [hierarchical_normal(5000, visits, rows=rows) for rows in (None, 1000, 10_000)],
        [*small, vae(10_000, visits), *large],
        looks=100,
        rows=200,
        quadrature_rows=32,
        draws=5000,
        on_pyro={"ppca": ("amortized", "per_datapoint, 5 a visit"), "vae, z of 2": ("amortized",)},
        device=device,
    )


def quick(device: str = "cpu") -> Plan:
    """Return a size that says only whether everything runs."""
    digits = vae(20, (1,), hidden=8, rows=200)
    return Plan(
        "quick",
        (0,),
        [ppca(40, (1,)), random_walk(40, (1,), rows=8)],
        [hierarchical_normal(40, (1,))],
        [digits],
        looks=2,
        rows=8,
        quadrature_rows=2,
        draws=40,
        new_rows=(1, 5),
        most_fitted={digits.name: 5},
        device=device,
    )
