"""Relabelling: planted permutations are found again, and every axis and every allocation follows."""

import itertools
import math

import numpy as np
import pytest

from zoo import labels

DIMS = {
    "weights": ("component",),
    "loc": ("component", "feature"),
    "jump": ("component", "component"),
    "s": (),
}
K, D = 3, 2


def planted(seed: int, chains: int = 4, draws: int = 60) -> tuple[dict, dict, np.ndarray]:
    """Return clean draws in canonical order, the same with permuted labels, and the permutations."""
    rng = np.random.default_rng(seed)
    centre = np.array([[-4.0, 1.0], [0.0, 5.0], [3.0, -2.0]])
    clean = {
        "weights": rng.dirichlet([5.0, 3.0, 9.0], size=(chains, draws)),
        "loc": centre + 0.4 * rng.normal(size=(chains, draws, K, D)),
        "jump": rng.normal(size=(chains, draws, K, K)),
        "s": rng.normal(size=(chains, draws)),
    }
    planted = rng.permuted(np.broadcast_to(np.arange(K), (chains, draws, K)), axis=-1)
    return clean, labels.permute(clean, DIMS, "component", planted), planted


@pytest.mark.parametrize("method", ["hungarian", "ordering"])
def test_planted_permutations_are_recovered_exactly(method):
    clean, shuffled, planted_permutations = planted(0)
    relabelled, permutations = labels.relabel(shuffled, DIMS, "component", "loc", method)
    for name in clean:
        np.testing.assert_array_equal(relabelled[name], clean[name])
    np.testing.assert_array_equal(permutations, np.argsort(planted_permutations, axis=-1))


def test_permute_moves_every_axis_of_a_dimension():
    permutation = np.array([2, 0, 1])
    jump = np.arange(9.0).reshape(1, 1, 3, 3)
    moved = labels.permute({"jump": jump}, DIMS, "component", permutation[None, None])["jump"]
    np.testing.assert_array_equal(moved[0, 0], jump[0, 0][np.ix_(permutation, permutation)])


def test_allocations_keep_their_component():
    rng = np.random.default_rng(1)
    _, shuffled, _ = planted(1)
    shuffled["z"] = rng.integers(K, size=(4, 60, 7))
    dims = DIMS | {"z": ("row",)}
    relabelled, _ = labels.relabel(shuffled, dims, "component", "loc", categories=["z"])
    for chain, draw, row in itertools.product(range(4), range(60), range(7)):
        before = shuffled["loc"][chain, draw, shuffled["z"][chain, draw, row]]
        after = relabelled["loc"][chain, draw, relabelled["z"][chain, draw, row]]
        np.testing.assert_array_equal(before, after)
    assert relabelled["z"].dtype == shuffled["z"].dtype
    kept, _ = labels.relabel(shuffled, dims, "component", "loc")
    np.testing.assert_array_equal(kept["z"], shuffled["z"])


def test_hungarian_uses_all_coordinates_where_ordering_cannot():
    # Two components equal in the first coordinate and far apart in the second.
    rng = np.random.default_rng(2)
    loc = np.array([[0.0, -3.0], [0.1, 3.0]]) + 0.5 * rng.normal(size=(2, 200, 2, 2))
    flip = rng.integers(2, size=(2, 200, 1))
    shuffled = labels.permute({"loc": loc}, DIMS, "component", np.concatenate([flip, 1 - flip], axis=-1))
    aligned = labels.relabel(shuffled, DIMS, "component", "loc", "hungarian")[0]["loc"]
    ordered = labels.relabel(shuffled, DIMS, "component", "loc", "ordering")[0]["loc"]
    assert aligned[..., 1].std(axis=(0, 1)).max() < 0.6
    assert ordered[..., 1].std(axis=(0, 1)).max() > 2


def test_units_do_not_matter():
    _, shuffled, _ = planted(3)
    there = labels.relabel(shuffled, DIMS, "component", "loc")[1]
    shuffled["loc"] = shuffled["loc"] * np.array([1.0, 1e4])
    np.testing.assert_array_equal(labels.relabel(shuffled, DIMS, "component", "loc")[1], there)


def test_the_dimension_may_be_any_axis_of_the_site():
    _, shuffled, _ = planted(4)
    there = labels.relabel(shuffled, DIMS, "component", "loc")[1]
    turned = {"loc": np.swapaxes(shuffled["loc"], 2, 3)}
    result, here = labels.relabel(turned, {"loc": ("feature", "component")}, "component", "loc")
    np.testing.assert_array_equal(here, there)
    assert result["loc"].shape == (4, 60, D, K)


def test_mode_note_only_where_one_mode_is_covered():
    one = np.tile([2, 0, 1], (1, 500, 1))
    assert labels.mode_note(one).startswith(f"includes about log 3! = {math.log(6):.3f}")
    two = one.copy()
    two[:, ::2] = [0, 1, 2]
    assert labels.mode_note(two) == ""
    assert labels.mode_note(np.zeros((1, 500, 1), dtype=int)) == ""


def test_errors_name_the_site():
    _, shuffled, _ = planted(5)
    with pytest.raises(ValueError, match="got 's'"):
        labels.relabel(shuffled, DIMS, "component", "s")
    with pytest.raises(ValueError, match="once; got 'jump'"):
        labels.relabel(shuffled, DIMS, "component", "jump")
    with pytest.raises(ValueError, match="'weights'"):
        labels.relabel(shuffled, DIMS | {"weights": ("component", "feature")}, "component", "loc")
    with pytest.raises(ValueError, match="unknown"):
        labels.relabel(shuffled, DIMS, "component", "loc", "kmeans")
