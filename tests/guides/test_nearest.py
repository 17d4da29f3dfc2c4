"""Vector quantisation on a model whose every term can be written out: value, gradient, batches, running means."""

from itertools import combinations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

import guides
from guides.local.nearest.layout import TOTAL, TURN, USAGE

K, SIZE, POSITIONS, SD = 4, 2, 3, 0.7
RNG = np.random.default_rng(0)
BOOK, WEIGHT = RNG.normal(size=(K, SIZE)), RNG.normal(size=(POSITIONS * SIZE, 3))
SHARES = np.log(RNG.dirichlet(np.ones(K), POSITIONS))


def coded(lib: SimpleNamespace) -> Any:
    """Return a model of codes of unequal probabilities, decoded by a linear map."""
    P, dist, _ = lib.ppl, lib.dist, lib.xp

    def model(x: Any = None, *, size: int | None = None) -> None:
        book = P.param("codebook", lib.array(BOOK))
        weight = P.param("weight", lib.array(WEIGHT))
        n = size if x is None else len(x)
        with P.plate("data", size or n, subsample_size=n):
            z = P.sample("z", dist.Categorical(logits=lib.array(SHARES)).to_event(1))
            out = book[z].reshape((*z.shape[:-1], POSITIONS * SIZE)) @ weight
            P.sample("x", dist.Normal(out, SD).to_event(1), obs=x)

    return model


def build(lib: SimpleNamespace, rows: np.ndarray, **options: Any) -> Any:
    how = {"depth": 0, "gradient": "straight_through", "commitment": 0.3, **options}
    return guides.build(
        coded(lib), backend=lib.name, data={"x": lib.array(rows)}, local="nearest", local_options=how, seed=3
    )


def values_of(guide: Any) -> dict[str, np.ndarray]:
    """Return every param, moved from where it starts."""
    rng = np.random.default_rng(1)
    start = {p.name: p.value for p in (*guide.parameters, *(s for s in guide.sites if s.kind == "param"))}
    return {name: v + 0.1 * rng.uniform(size=v.shape) for name, v in start.items()}


def loss(lib: SimpleNamespace, guide: Any, params: dict, x: np.ndarray, **call: Any) -> tuple[float, dict]:
    """Return the stock objective's loss and its gradient."""
    objective, model = guide.objective(), guide.model
    if lib.name == "pyro":
        from guides.trace_pyro import Hold

        leaves = {k: lib.array(v).clone().requires_grad_() for k, v in params.items()}
        hold = Hold(leaves)
        value = objective.differentiable_loss(hold(model), hold(guide), x=lib.array(x), **call)
        value.backward()
        return value.item(), {k: np.zeros(v.shape) if v.grad is None else v.grad.numpy() for k, v in leaves.items()}
    import jax

    def at(p: dict) -> Any:
        return objective.loss(jax.random.key(0), p, model, guide, x=lib.array(x), **call)

    value, gradient = jax.value_and_grad(at)({k: lib.array(v) for k, v in params.items()})
    return float(value), {k: np.asarray(v) for k, v in gradient.items()}


def by_hand(guide: Any, p: dict, x: np.ndarray) -> SimpleNamespace:
    """Return, in NumPy: the encoder's input and vectors, codes, log p(x, z) by row, and its slope in the codes."""
    seen = (x - guide.rows.encoder.center["x"]) / guide.rows.encoder.scale["x"]
    said = seen @ p["local.encoder.layer0.weight"].T + p["local.encoder.layer0.bias"]
    said = said.reshape(len(x), POSITIONS, SIZE)
    z = ((said[:, :, None] - p["codebook"]) ** 2).sum(-1).argmin(-1)
    codes = p["codebook"][z]
    off = x - codes.reshape(len(x), -1) @ p["weight"]
    joint = norm.logpdf(off, 0, SD).sum(1) + SHARES[np.arange(POSITIONS), z].sum(1)
    slope = (off / SD**2 @ p["weight"].T).reshape(codes.shape)
    return SimpleNamespace(seen=seen, said=said, z=z, codes=codes, off=off, joint=joint, slope=slope)


@pytest.mark.parametrize("moves", ["ema", "gradient"])
def test_the_loss_is_minus_the_joint_and_the_gradient_is_the_one_by_hand(moves, lib, rows):
    """No commitment is in the value; in the gradient are all terms of van den Oord and others, and nothing else."""
    guide = build(lib, rows, moves=moves)
    params = values_of(guide)
    value, gradient = loss(lib, guide, params, rows)
    found = by_hand(guide, params, rows)
    assert value == pytest.approx(-found.joint.sum(), rel=1e-10)
    assert len(np.unique(found.z)) > 2
    # Descended: straight through to the vectors, and the commitment to their codes.
    vectors = -found.slope + 2 * 0.3 * (found.said - found.codes)
    flat = vectors.reshape(len(rows), -1)
    book = np.zeros((K, SIZE))
    np.add.at(book, found.z, -found.slope + (2 * (found.codes - found.said) if moves == "gradient" else 0.0))
    expected = {
        "local.encoder.layer0.weight": flat.T @ found.seen,
        "local.encoder.layer0.bias": flat.sum(0),
        "codebook": book,
        "weight": -found.codes.reshape(len(rows), -1).T @ (found.off / SD**2),
        USAGE: np.zeros(K),
        **({TOTAL: np.zeros((K, SIZE))} if moves == "ema" else {}),
    }
    assert set(gradient) == set(expected)
    for name, answer in expected.items():
        np.testing.assert_allclose(gradient[name], answer, rtol=1e-8, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("turn", [0, 2])
def test_a_search_descends_the_joint_at_the_best_code_of_a_position(turn, lib, rows):
    """The value is that of the encoder's codes; the gradient that at the codes found, by hand over every code."""
    guide = build(lib, rows, gradient="search")
    params = {**values_of(guide), TURN: np.array(float(turn))}
    value, gradient = loss(lib, guide, params, rows)
    said = by_hand(guide, params, rows)
    assert value == pytest.approx(-said.joint.sum(), rel=1e-10)

    def joint(z: np.ndarray) -> np.ndarray:
        off = rows - params["codebook"][z].reshape(len(z), -1) @ params["weight"]
        return norm.logpdf(off, 0, SD).sum(1) + SHARES[np.arange(POSITIONS), z].sum(1)

    found = said.z.copy()
    for i in range(len(rows)):
        at = (i + turn) % POSITIONS
        each = np.repeat(said.z[i][None], K, 0)
        each[:, at] = np.arange(K)
        off = rows[i] - params["codebook"][each].reshape(K, -1) @ params["weight"]
        worth = norm.logpdf(off, 0, SD).sum(1) + SHARES[np.arange(POSITIONS), each].sum(1)
        found[i, at] = worth.argmax()
    assert (found != said.z).any(1).sum() > 1
    assert joint(found).sum() > joint(said.z).sum()
    codes = params["codebook"][found]
    off = rows - codes.reshape(len(rows), -1) @ params["weight"]
    book = np.zeros((K, SIZE))
    np.add.at(book, found, -(off / SD**2 @ params["weight"].T).reshape(codes.shape))
    apart = said.said[:, :, None] - params["codebook"]
    shares = np.exp(-(apart**2).sum(-1))
    shares /= shares.sum(-1, keepdims=True)
    # Of minus log softmax(-|said - code|^2): 2 (said - code), less its mean under the shares.
    vectors = 2 * (said.said - codes) - 2 * (shares[..., None] * apart).sum(-2)
    flat = vectors.reshape(len(rows), -1)
    expected = {
        "local.encoder.layer0.weight": flat.T @ said.seen,
        "local.encoder.layer0.bias": flat.sum(0),
        "codebook": book,
        "weight": -codes.reshape(len(rows), -1).T @ (off / SD**2),
        USAGE: np.zeros(K),
        TURN: np.zeros(()),
    }
    assert set(gradient) == set(expected)
    for name, answer in expected.items():
        np.testing.assert_allclose(gradient[name], answer, rtol=1e-8, atol=1e-10, err_msg=name)


def test_positions_take_turns(lib, rows):
    guide = build(lib, rows, gradient="search")
    params = values_of(guide)
    assert updated(lib, guide, params, rows)[TURN] == params[TURN] + 1


def test_the_mean_over_all_batches_is_the_whole_loss_and_gradient(lib, rows):
    """Over all 15 subsets of 4 of 6 rows: exact up to rounding."""
    guide = build(lib, rows, moves="gradient")
    params = values_of(guide)
    whole, slope = loss(lib, guide, params, rows)
    parts = [loss(lib, guide, params, rows[list(some)], size=6) for some in combinations(range(6), 4)]
    assert np.mean([p[0] for p in parts]) == pytest.approx(whole, rel=1e-10)
    for name, answer in slope.items():
        np.testing.assert_allclose(np.mean([p[1][name] for p in parts], 0), answer, rtol=1e-9, atol=1e-10, err_msg=name)


def updated(lib: SimpleNamespace, guide: Any, params: dict, rows: np.ndarray) -> dict[str, np.ndarray]:
    given = {name: lib.array(v) for name, v in params.items()}
    return {name: lib.numpy(v) for name, v in guide.update(given, {"x": lib.array(rows)}).items()}


def test_codes_are_running_means_of_their_vectors(lib, rows):
    """The codebook is what the means say, whatever a gradient has made of it; shares and sums by hand."""
    guide = build(lib, rows, moves="ema", decay=0.8, restart=0.0)
    params = values_of(guide)
    found = by_hand(guide, {**params, "codebook": params[TOTAL] / params[USAGE][:, None]}, rows)
    share = np.array([(found.z == k).sum() for k in range(K)]) * K / found.z.size
    usage = 0.8 * params[USAGE] + 0.2 * share
    sums = np.stack([found.said[found.z == k].sum(0) for k in range(K)]) * K / found.z.size
    total = 0.8 * params[TOTAL] + 0.2 * sums
    moved = updated(lib, guide, {**params, "codebook": params["codebook"] + 7.0}, rows)
    np.testing.assert_allclose(moved[USAGE], usage, rtol=1e-12)
    np.testing.assert_allclose(moved[TOTAL], total, rtol=1e-12)
    np.testing.assert_allclose(moved["codebook"], total / usage[:, None], rtol=1e-12)


@pytest.mark.parametrize("moves", ["ema", "gradient"])
def test_dead_codes_restart_at_the_vectors_furthest_from_their_codes(moves, lib, rows):
    """Two codes far from every vector die and restart, the first one at the worst vector; the others do not jump."""
    guide = build(lib, rows, moves=moves, decay=0.5, restart=0.3)
    params = values_of(guide)
    for name in ("codebook", *([TOTAL] if moves == "ema" else [])):
        params[name][[1, 3]] = 50.0
    params[USAGE][:] = [1.0, 0.5, 1.0, 0.5]
    book = params[TOTAL] / params[USAGE][:, None] if moves == "ema" else params["codebook"]
    found = by_hand(guide, {**params, "codebook": book}, rows)
    assert set(np.unique(found.z)) == {0, 2}
    said, far = found.said.reshape(-1, SIZE), ((found.said - book[found.z]) ** 2).sum(-1).ravel()
    worst = np.argsort(-far)
    moved = updated(lib, guide, params, rows)
    np.testing.assert_allclose(moved["codebook"][[1, 3]], said[worst[:2]], rtol=1e-12)
    assert moved[USAGE][[1, 3]].tolist() == [1.0, 1.0]
    if moves == "ema":
        np.testing.assert_allclose(moved[TOTAL][[1, 3]], said[worst[:2]], rtol=1e-12)
    else:
        np.testing.assert_allclose(moved["codebook"][[0, 2]], params["codebook"][[0, 2]], rtol=1e-12)
    # Each of them is some vector's nearest now.
    after = by_hand(guide, {**params, "codebook": moved["codebook"]}, rows)
    assert set(np.unique(after.z)) >= {1, 3}


def test_what_it_cannot_serve_is_refused(lib, rows):
    P, dist, xp = lib.ppl, lib.dist, lib.xp
    for options, words in (
        ({"codebook": "book"}, "param 'book'"),
        ({"codebook": "x"}, "param 'x'"),
        ({"moves": "jumps"}, "Known: ema, gradient"),
        ({"gradient": "reinforce"}, "Known: search, straight_through"),
        ({"commitment": -1.0}, "commitment=-1.0"),
        ({"decay": 1.0}, "below 1"),
        ({"restart": float("nan")}, "restart=nan"),
        ({"widht": 3}, "'widht' is unknown to 'nearest'"),
        ({"activation": "gelu"}, "activation 'gelu'"),
    ):
        with pytest.raises(guides.GuideError, match=words):
            build(lib, rows, **options)

    def continuous(x: Any = None, *, size: int | None = None) -> None:
        with P.plate("data", size or len(x), subsample_size=len(x)):
            z = P.sample("z", dist.Normal(xp.zeros(3), 1.0).to_event(1))
            P.sample("x", dist.Normal(z, 1.0).to_event(1), obs=x)

    with pytest.raises(guides.GuideError, match="one discrete latent alone"):
        guides.build(continuous, backend=lib.name, data={"x": lib.array(rows)}, local="nearest")


def test_a_code_that_says_more_than_its_vector_is_refused(lib, rows):
    """An sd by code has no gradient in the vectors, which learning would never see."""
    P, dist, _ = lib.ppl, lib.dist, lib.xp

    def model(x: Any = None, *, size: int | None = None) -> None:
        book, spread = P.param("codebook", lib.array(BOOK)), lib.array(np.array([0.5, 1.0, 1.5, 2.0]))
        with P.plate("data", size or len(x), subsample_size=len(x)):
            z = P.sample("z", dist.Categorical(logits=lib.array(SHARES)).to_event(1))
            out = book[z].reshape((*z.shape[:-1], POSITIONS * SIZE)) @ lib.array(WEIGHT)
            P.sample("x", dist.Normal(out, spread[z]).to_event(1), obs=x)

    with pytest.raises(guides.GuideError, match="otherwise than by the vectors"):
        guides.build(model, backend=lib.name, data={"x": lib.array(rows)}, local="nearest")
