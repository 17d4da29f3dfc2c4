"""Chains of categories: every function against an enumeration of all paths, in both libraries, and JAX's both ways."""

from itertools import product
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
from scipy.special import chdtri

T, K = 5, 3
LENGTH = np.array([5, 4, 3, 2, 1])
CASES = ("plain", "impossible", "impossible steps", "peaked", "peaked steps")
FUNCTIONS = ("log_score", "expected_score", "sample")


class Answers(NamedTuple):
    """log Z (*batch,), its gradients, and two paths (*batch, T)."""

    log_z: np.ndarray
    by_unary: np.ndarray
    by_pairwise: np.ndarray
    best: np.ndarray
    draw: np.ndarray


def torch_library(double=True):
    """Return the functions of the PyTorch file, of NumPy arrays."""
    import torch

    from guides import chain_pyro as module

    real = torch.float64 if double else torch.float32

    def tensors(given):
        made = [torch.as_tensor(np.array(a)) for a in given]
        return [a.to(real) if a.is_floating_point() else a for a in made]

    def call(name):
        return lambda chain, *rest: getattr(module, name)(module.Chain(*tensors(chain)), *tensors(rest)).numpy()

    def answers(chain, noise=0.0):
        unary, pairwise, length = tensors(chain)
        made = module.Chain(unary.requires_grad_(), pairwise.requires_grad_(), length)
        value = module.log_partition(made)
        by_unary, by_pairwise = torch.autograd.grad(value.sum(), (unary, pairwise))
        draw = module.sample(made, torch.as_tensor(noise, dtype=real).expand(unary.shape[:-1]))
        found = (value, by_unary, by_pairwise, module.viterbi(made), draw)
        return Answers(*[a.detach().numpy() for a in found])

    def marginals(chain, weights=0.0):
        unary, pairwise, length = tensors(chain)
        found = module.marginals(module.Chain(unary.requires_grad_(), pairwise.requires_grad_(), length))
        gradient = torch.autograd.grad((found * torch.as_tensor(weights, dtype=real)).sum(), (unary, pairwise))
        return [a.detach().numpy() for a in (found, *gradient)]

    return SimpleNamespace(answers=answers, marginals=marginals, **{name: call(name) for name in FUNCTIONS})


def jax_library(double=True):
    """Return the functions of the JAX file, compiled, of NumPy arrays."""
    import jax

    from guides import chain_numpyro as module

    real = np.float64 if double else np.float32

    def compiled(function):
        function = jax.jit(function)

        def called(*given):
            made = [np.asarray(a, real) if np.asarray(a).dtype.kind == "f" else np.asarray(a) for a in given]
            with jax.enable_x64(double):
                return jax.tree.map(np.asarray, function(*made))

        return called

    def total(unary, pairwise, length):
        value = module.log_partition(module.Chain(unary, pairwise, length))
        return value.sum(), value

    slope = jax.value_and_grad(total, (0, 1), has_aux=True)

    @compiled
    def every(unary, pairwise, length, noise):
        chain = module.Chain(unary, pairwise, length)
        (_, value), gradient = slope(*chain)
        return Answers(value, *gradient, module.viterbi(chain), module.sample(chain, noise))

    @compiled
    def weighed(unary, pairwise, length, weights):
        def total(unary, pairwise):
            found = module.marginals(module.Chain(unary, pairwise, length))
            return (found * weights).sum(), found

        gradient, found = jax.grad(total, (0, 1), has_aux=True)(unary, pairwise)
        return found, *gradient

    def call(name):
        function = compiled(lambda *x: getattr(module, name)(module.Chain(*x[:3]), *x[3:]))
        return lambda chain, *rest: function(*chain, *rest)

    return SimpleNamespace(
        answers=lambda chain, noise=0.0: every(*chain, np.broadcast_to(noise, chain[0].shape[:-1])),
        marginals=lambda chain, weights=0.0: weighed(*chain, np.broadcast_to(weights, chain[0].shape)),
        **{name: call(name) for name in FUNCTIONS},
    )


LIBRARY = {"pyro": torch_library, "numpyro": jax_library}


@pytest.fixture(scope="module")
def held():
    """Keep each library, so that what is compiled once serves every test."""
    return {}


@pytest.fixture
def algebra(backend, held):
    return held.setdefault(backend, LIBRARY[backend]())


def enumerated(unary, pairwise, length):
    """Return the answers for one chain from the scores of all its paths."""
    paths = np.array(list(product(range(K), repeat=int(length))))
    scores = unary[np.arange(length), paths].sum(-1) + pairwise[paths[:, :-1], paths[:, 1:]].sum(-1)
    log_z = np.logaddexp.reduce(scores)
    probs = np.exp(scores - log_z) if np.isfinite(log_z) else np.zeros(len(scores))
    hot, past = np.eye(K)[paths], (0, T - length)
    return SimpleNamespace(
        log_z=log_z,
        steps=np.pad(np.einsum("p,ptk->tk", probs, hot), [past, (0, 0)]),
        moves=np.einsum("p,pti,ptj->ij", probs, hot[:, :-1], hot[:, 1:]),
        best=np.pad(paths[scores.argmax()], past),
        paths=np.pad(paths, [(0, 0), past]),
        scores=scores,
        probs=probs,
    )


def chains(name):
    """Return the chains of a case: five of the lengths 5 to 1, with garbage past their ends."""
    rng = np.random.default_rng(7)
    unary, pairwise = rng.normal(size=(len(LENGTH), T, K)), rng.normal(size=(len(LENGTH), K, K))
    if "impossible" in name:
        unary[rng.random(unary.shape) < 0.2] = -np.inf
        unary[2, 1] = -np.inf
    if name == "impossible":
        pairwise[rng.random(pairwise.shape) < 0.3] = -np.inf
    if "peaked" in name:
        unary *= 1000
    if name == "peaked":
        pairwise *= 1000
    past = np.arange(T) >= LENGTH[:, None]
    unary[past] = rng.choice([-1e30, 1e30, np.inf, -np.inf], size=(past.sum(), K))
    return unary, pairwise, LENGTH


def check(algebra, name):
    """Hold the functions of a library against enumeration."""
    chain = chains(name)
    right = [enumerated(*one) for one in zip(*chain, strict=True)]
    close = {"rel": 1e-12, "abs": 1e-10}
    steps = np.array([r.steps for r in right])
    found = algebra.answers(chain)
    assert found.log_z == pytest.approx([r.log_z for r in right], **close)
    assert found.by_unary == pytest.approx(steps, **close)
    assert found.by_pairwise == pytest.approx(np.array([r.moves for r in right]), **close)
    possible = np.isfinite([r.log_z for r in right])
    assert possible.all() == ("impossible" not in name)
    assert found.best[possible].tolist() == np.array([r.best for r in right])[possible].tolist()


@pytest.mark.parametrize("name", CASES)
def test_the_answers_are_those_of_all_paths(algebra, name):
    check(algebra, name)
    marginals = algebra.marginals(chains(name))[0]
    assert marginals == pytest.approx(algebra.answers(chains(name)).by_unary, rel=1e-12, abs=1e-10)


@pytest.fixture
def elsewhere(monkeypatch):
    """Let JAX's functions take the way of an accelerator; return how often they did."""
    import jax

    taken = []
    monkeypatch.setattr(
        jax.lax, "platform_dependent", lambda *args, cpu, default: [taken.append(cpu), default(*args)][1]
    )
    return taken


@pytest.mark.needs("numpyro")
def test_the_answers_are_those_of_all_paths_as_an_accelerator_finds_them(elsewhere):
    algebra = jax_library()
    for name in CASES:
        check(algebra, name)
    assert elsewhere


@pytest.mark.parametrize("name", ["plain", "impossible"])
def test_scores_are_those_of_each_path(algebra, name):
    unary, pairwise, length = chain = chains(name)
    paths = enumerated(unary[0], pairwise[0], T).paths
    probs = np.random.default_rng(1).dirichlet(np.ones(K), size=(len(length), T))
    probs[:, 1] = np.eye(K)[0]
    # Draws in front of the batch: every path of the longest chain, in each chain.
    scores = algebra.log_score(chain, np.broadcast_to(paths[:, None], (len(paths), len(length), T)))
    expected = algebra.expected_score(chain, probs)
    for b, steps in enumerate(length):
        right = enumerated(unary[b], pairwise[b], steps)
        ends = (paths[:, steps:] == 0).all(-1)
        assert scores[ends, b] == pytest.approx(right.scores, rel=1e-12, abs=1e-10)
        weights = probs[b, np.arange(steps), right.paths[:, :steps]].prod(-1)
        mean = sum(w * s for w, s in zip(weights, right.scores, strict=True) if w)
        assert expected[b] == pytest.approx(mean, rel=1e-12, abs=1e-10)


def padded(unary, pairwise):
    """Return a small chain in the shapes of the others: unary and pairwise as they are, five times."""
    steps, size = unary.shape
    wide = np.full((T, K), -np.inf)
    wide[:steps, :size] = unary
    square = np.full((K, K), -np.inf)
    square[:size, :size] = pairwise
    return np.stack([wide] * 5), np.stack([square] * 5), np.full(5, steps)


def test_a_hidden_markov_model_by_hand(algebra):
    start, move = np.array([0.6, 0.4]), np.array([[0.7, 0.3], [0.2, 0.8]])
    emit, seen = np.array([[0.5, 0.4, 0.1], [0.1, 0.3, 0.6]]), [0, 1, 2, 2]
    unary = np.log(emit[:, seen].T)
    unary[0] += np.log(start)
    found = algebra.answers(padded(unary, np.log(move)))
    assert found.log_z == pytest.approx([-3.998616] * 5, abs=5e-7)
    assert found.best.tolist() == [[0, 0, 1, 1, 0]] * 5


def test_a_conditional_random_field_by_hand(algebra):
    unary, pairwise = np.array([[1, 0], [0.5, 0.2], [-0.3, 0.8]]), np.array([[0.6, -0.4], [-0.2, 0.5]])
    chain = padded(unary, pairwise)
    found = algebra.answers(chain)
    assert found.log_z == pytest.approx([3.810390] * 5, abs=5e-7)
    assert found.by_unary == pytest.approx(algebra.marginals(chain)[0], abs=1e-12)
    assert found.by_pairwise.sum((1, 2)) == pytest.approx([2] * 5, abs=1e-12)


@pytest.mark.parametrize("name", ["plain", "impossible", "impossible steps"])
def test_derivatives_are_those_of_small_differences(algebra, name):
    unary, pairwise, length = chains(name)
    unary = np.where((np.arange(T) < length[:, None])[..., None], unary, 0)
    rng, small = np.random.default_rng(2), 1e-5
    direction = [rng.normal(size=x.shape) for x in (unary, pairwise)]
    there, back = (
        algebra.answers((unary + h * direction[0], pairwise + h * direction[1], length)) for h in (small, -small)
    )
    here = algebra.answers((unary, pairwise, length))
    possible = np.isfinite(here.log_z)
    slope = (here.by_unary * direction[0]).sum() + (here.by_pairwise * direction[1]).sum()
    assert slope == pytest.approx((there.log_z[possible] - back.log_z[possible]).sum() / (2 * small), abs=1e-8)
    weights = rng.normal(size=unary.shape)
    _, by_unary, by_pairwise = algebra.marginals((unary, pairwise, length), weights)
    slope = (by_unary * direction[0]).sum() + (by_pairwise * direction[1]).sum()
    assert slope == pytest.approx((weights * (there.by_unary - back.by_unary)).sum() / (2 * small), abs=1e-8)


def draws(algebra, number):
    """Return a chain with an impossible move, draws of it by noise, and the probabilities of all its paths."""
    rng = np.random.default_rng(3)
    unary, pairwise, steps = rng.normal(size=(T, K)), rng.normal(size=(K, K)), T - 1
    pairwise[0, 2] = -np.inf
    x = algebra.sample((unary, pairwise, np.array(steps)), rng.normal(size=(number, T)))
    return x, enumerated(unary, pairwise, steps)


def test_draws_come_as_often_as_their_paths_are_probable(algebra):
    x, right = draws(algebra, 5_000)
    assert x.shape == (5_000, T)
    code = K ** np.arange(T)
    seen = np.bincount(x @ code, minlength=K**T)[right.paths @ code]
    assert seen.sum() == len(x)
    assert not seen[right.probs == 0].any()
    expected = right.probs * len(x)
    rare = expected < 10
    seen, expected = np.append(seen[~rare], seen[rare].sum()), np.append(expected[~rare], expected[rare].sum())
    # Pearson's statistic of paths that are expected ten times or more, the others in one: a false alarm in a million.
    assert ((seen - expected) ** 2 / expected).sum() < chdtri(len(expected) - 1, 1e-6)


@pytest.mark.needs("pyro", "numpyro")
def test_the_same_noise_gives_the_same_draws_in_both(held):
    a, b = (draws(held.setdefault(name, LIBRARY[name]()), 5_000)[0] for name in ("pyro", "numpyro"))
    assert np.array_equal(a, b)


def test_noise_is_turned_by_the_inverse_distribution_function(algebra):
    noise = np.full((5_000, T), 40.0)
    noise[:5, 0] = [-40, -0.8417, -0.8416, 0, 40]
    # Of probabilities .2 and .8, noise below Phi^-1(.2) = -.8416 is the first; what has none is never drawn.
    for (few, many), right in (((0, 2), [0, 0, 2, 2, 2]), ((1, 2), [1, 1, 2, 2, 2]), ((0, 1), [0, 0, 1, 1, 1])):
        unary = np.full((T, K), -np.inf)
        unary[0, [few, many]] = np.log([0.2, 0.8])
        found = algebra.sample((unary, np.zeros((K, K)), np.array(1)), noise)
        assert found[:5, 0].tolist() == right
        assert not found[:, 1:].any()
    # Nor where the probabilities add up to less than 1 by their last digit, as those of some of these steps do.
    for seed in range(9, 13):
        unary = np.random.default_rng(seed).normal(size=(T, K))
        unary[:, 0] = -np.inf
        assert (algebra.sample((unary, np.zeros((K, K)), np.array(T)), noise)[5:] == 2).all()


def messages(unary, pairwise):
    """Return log Z, marginals and the best path's score, one step after the other in double precision."""

    def over(a, reduce):
        return reduce(a[:, None] + pairwise, 0)

    forward, best, back = [unary[0]], unary[0], [np.zeros(len(pairwise))]
    for u in unary[1:]:
        forward.append(u + over(forward[-1], np.logaddexp.reduce))
        best = u + over(best, np.max)
    for u in unary[:0:-1]:
        back.append(np.logaddexp.reduce(pairwise + u + back[-1], 1))
    log_z = np.logaddexp.reduce(forward[-1])
    return log_z, np.exp(np.array(forward) + np.array(back[::-1]) - log_z), best.max()


@pytest.mark.parametrize("spread", [20, 300])
def test_long_and_peaked_in_single_precision(backend, held, spread):
    # 20 nats are a modest price of a move; of 300, some moves are beyond what a probability can say.
    rng, length = np.random.default_rng(4), np.array([2000, 1500])
    unary = rng.uniform(-300, 300, size=(2, 2000, K)).astype(np.float32)
    pairwise = rng.uniform(-spread, spread, size=(K, K)).astype(np.float32)
    algebra = held.setdefault((backend, "single"), LIBRARY[backend](False))
    found = algebra.answers((unary, pairwise, length), rng.normal(size=(2, 2000)))
    # JAX makes its gradient of the marginals; here that saves compiling them again.
    again = algebra.marginals((unary, pairwise, length))[0] if backend == "pyro" else found.by_unary
    assert {a.dtype.name for a in found[:3]} == {"float32"}
    assert found.by_pairwise.sum() == pytest.approx(length.sum() - 2, rel=1e-5)
    for b, steps in enumerate(length):
        log_z, marginals, score = messages(unary[b, :steps].astype(float), pairwise.astype(float))
        assert found.log_z[b] == pytest.approx(log_z, rel=1e-6)
        assert found.by_unary[b, :steps] == pytest.approx(marginals, abs=2e-4)
        assert again[b, :steps] == pytest.approx(marginals, abs=2e-4)
        path, draw = found.best[b, :steps], found.draw[b, :steps]
        mine = unary[b, np.arange(steps), path].sum(dtype=float) + pairwise[path[:-1], path[1:]].sum(dtype=float)
        assert mine == pytest.approx(score, rel=1e-6)
        # A category of less than 1e-10 comes at one of the 3500 steps once in a million runs.
        assert marginals[np.arange(steps), draw].min() > 1e-10


@pytest.mark.parametrize(("backend", "steps"), [("pyro", 1), ("pyro", 4), ("numpyro", 1)])
def test_one_step_or_one_category(algebra, steps):
    unary, pairwise = np.arange(1.0, steps + 1)[:, None], np.full((1, 1), 0.5)
    found = algebra.answers((unary, pairwise, np.array(steps)), 9.0)
    assert found.log_z == pytest.approx(unary.sum() + (steps - 1) / 2)
    assert found.by_unary.tolist() == [[1]] * steps
    assert found.by_pairwise.tolist() == [[steps - 1]]
    assert found.best.tolist() == found.draw.tolist() == [0] * steps
    assert algebra.log_score((unary, pairwise, np.array(steps)), found.best) == pytest.approx(found.log_z)


def test_a_potential_that_is_not_a_number_is_not_hidden(algebra):
    for at in (0, 1):
        chain = chains("plain")
        chain[at][0, 1, 2] = np.nan
        assert np.isnan(algebra.answers(chain).log_z).tolist() == [True, False, False, False, False]


@pytest.mark.needs("numpyro")
def test_the_ways_of_jax_agree():
    import jax

    from guides import chain_numpyro as module

    maps = np.random.default_rng(5).dirichlet(np.ones(K), size=(257, K))
    maps[[0, -1]] = maps[[0, -1], :1]

    @jax.jit
    def everything(maps):
        ways = module._one_by_one, module._in_pairs
        return [[way(maps, jax.numpy.matmul, back) for way in ways] for back in (False, True)]

    with jax.enable_x64(True):
        for one, other in everything(maps):
            assert one.shape == (257, K)
            assert np.asarray(one) == pytest.approx(np.asarray(other), rel=1e-12)


@pytest.mark.needs("numpyro")
def test_probabilities_serve_where_every_move_is_affordable(monkeypatch):
    import jax

    from guides import chain_numpyro as module

    # exp(-43.7) is the root of the smallest number of single precision.
    monkeypatch.setattr(module, "_moments_of_logs", lambda *parts: 0 * parts[0])
    monkeypatch.setattr(module, "_moments_of_probabilities", lambda *parts: 0 * parts[0] + 1)
    for price, served in ((43, 1), (44, 0), (np.inf, 0), (np.nan, 0)):
        found = module._moments(jax.numpy.float32(0), np.array([0, -price], "float32"), np.array(1))
        assert found == served


@pytest.mark.needs("numpyro")
def test_jax_lowers_to_few_rounds_for_cuda():
    import jax

    from guides import chain_numpyro as module

    def slope(*chain):
        return jax.grad(lambda unary: module.log_partition(module.Chain(unary, *chain[1:])))(chain[0])

    chain = np.zeros((8, K), "float32"), np.zeros((K, K), "float32"), np.array(8)
    for platform, function in (("cuda", slope), ("cpu", lambda *chain: module.viterbi(module.Chain(*chain)))):
        exported = jax.export.export(jax.jit(function), platforms=[platform])(*chain)
        assert ("stablehlo.while" in exported.mlir_module()) == (platform == "cpu")


@pytest.mark.needs("pyro")
@pytest.mark.parametrize("real", ["float32", "float64"])
def test_torch_makes_no_tensor_of_another_device_or_precision(real):
    import torch

    from guides import chain_pyro as module

    # Torch refuses to mix "meta" tensors with others, as it refuses to mix CUDA's.
    empty = {"device": "meta", "dtype": getattr(torch, real)}
    unary, pairwise = torch.empty(4, 7, K, **empty), torch.empty(K, K, **empty).requires_grad_()
    chain = module.Chain(unary, pairwise, torch.empty(4, dtype=torch.int64, device="meta"))
    path, noise = torch.empty(4, 7, dtype=torch.int64, device="meta"), torch.empty(4, 7, **empty)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        log_z = module.log_partition(chain)
        reals = [log_z, *torch.autograd.grad(log_z.sum(), pairwise), module.marginals(chain)]
        reals += [module.log_score(chain, path), module.expected_score(chain, unary)]
        paths = [module.viterbi(chain), module.sample(chain, noise)]
    finally:
        torch.set_default_dtype(before)
    assert {(x.device.type, x.dtype) for x in reals} == {("meta", empty["dtype"])}
    assert {(x.device.type, x.dtype) for x in paths} == {("meta", torch.int64)}


@pytest.mark.needs("pyro")
def test_torch_maps_and_differentiates_functions_of_chains():
    import torch

    from guides import chain_pyro as module

    unary, pairwise, length = (torch.tensor(x) for x in chains("impossible steps"))

    def value(*chain):
        return module.log_partition(module.Chain(*chain))

    each = torch.func.vmap(torch.func.grad(value, (0, 1)))(unary, pairwise, length)
    whole = torch.func.grad(lambda *x: value(*x, length).sum(), (0, 1))(unary, pairwise)
    for a, b in zip(each, whole, strict=True):
        assert torch.allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.needs("pyro")
def test_torch_differentiates_twice():
    import torch

    from guides import chain_pyro as module

    unary, pairwise, length = (torch.tensor(x) for x in chains("impossible"))

    def value(unary, pairwise):
        return module.log_partition(module.Chain(unary, pairwise, length)).sum()

    hessian = torch.func.jacrev(torch.func.grad(value, (0, 1)), (0, 1))(unary, pairwise)
    assert not any(block.isnan().any() for row in hessian for block in row)
    possible = [x.nan_to_num(neginf=-20, posinf=0).requires_grad_() for x in (unary, pairwise)]
    assert torch.autograd.gradgradcheck(value, possible)
