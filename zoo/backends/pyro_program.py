"""A Pyro model with its guide and its data: learning, evaluating, predicting, NUTS."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial, wraps
from typing import Any

import numpy as np
import pyro
import torch
from pyro.infer import MCMC, NUTS
from pyro.poutine import trace

from guides.coordinates_pyro import Coordinates
from guides.guide_pyro import Guide
from guides.optim import adam
from guides.sites import combinations, params
from guides.start import Start
from guides.trace_pyro import Hold, choices, is_sample, log_densities, row_log_joint
from zoo.backends.state import Chains, Evaluation, State, Values

BUDGET = 2_000_000  # numbers held at once while evaluating draws


@contextmanager
def _scope(dtype: str, device: str) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        with (
            # On the CPU the context would only cost: it sees every single call.
            torch.device(device) if device != "cpu" else nullcontext(),
            torch.random.fork_rng(),
            pyro.validation_enabled(False),
            pyro.get_param_store().scope(),  # another fit's parameters would be this one's start
            warnings.catch_warnings(),
        ):
            warnings.filterwarnings("ignore", "Encountered NaN")  # a FitError says it better
            yield
    finally:
        torch.set_default_dtype(before)


def _scoped(method: Callable[..., Any]) -> Callable[..., Any]:
    """Run a method in the program's precision, on its device, and leave global random state alone."""

    @wraps(method)
    def inside(self: Program, *args: Any, **kwargs: Any) -> Any:
        with _scope(self.dtype, self.device):
            return method(self, *args, **kwargs)

    return inside


class Program:
    """One model, one guide, one data set, in one precision on one device.

    Args:
        model: the model function.
        data: arrays by name; rows lie along the first axis.
        options: the model's other keywords.
        guide, local, guide_options: family, treatment, and the family's options.
        starts: where params and latents start.
        frozen: params that are held, by name.
        seed: of the family's initial values.
        num_particles: draws a step of learning.
        dtype: "float32" or "float64".
        device: "cpu" or "cuda".
    """

    def __init__(
        self,
        model: Callable[..., Any],
        data: Mapping[str, np.ndarray],
        options: Mapping[str, Any],
        *,
        guide: str,
        local: str,
        starts: Mapping[str, Start],
        guide_options: Mapping[str, Any] | None = None,
        frozen: Mapping[str, np.ndarray] | None = None,
        seed: int = 0,
        num_particles: int = 1,
        dtype: str = "float32",
        device: str = "cpu",
    ) -> None:
        self.model, self.options, self.dtype, self.device = model, dict(options), dtype, device
        self.frozen = dict(frozen or {})
        self.size = len(next(iter(data.values())))
        self._build(data, starts, guide, local, seed, guide_options, num_particles)

    @_scoped
    def _build(
        self,
        data: Mapping[str, np.ndarray],
        starts: Mapping[str, Start],
        guide: str,
        local: str,
        seed: int,
        options: Mapping[str, Any] | None,
        num_particles: int,
    ) -> None:
        self.data = self.arrays(data)
        self.guide = Guide(
            self.model,
            (),
            {**self.data, **self.options},
            name=guide,
            local=local,
            starts=starts,
            seed=seed,
            options=options,
            frozen=frozenset(self.frozen),
        )
        self.model_params = [s for s in params(self.guide.sites) if s.name not in self.frozen]
        self.coordinates = Coordinates([*self.model_params, *self.guide.parameters], starts)
        self.combinations = len(combinations(self.guide.sites, self.guide.data_plate))
        self.elbo = self.guide.objective(num_particles)

    def arrays(self, values: Mapping[str, Any]) -> dict[str, torch.Tensor]:
        """Put NumPy values on the device, floats in the program's precision."""
        tensors = {name: torch.tensor(np.asarray(v), device=self.device) for name, v in values.items()}
        dtype = getattr(torch, self.dtype)
        return {name: v.to(dtype) if v.is_floating_point() else v for name, v in tensors.items()}

    def _loss(self, v: torch.Tensor, key: tuple[int, int], rows: torch.Tensor | None) -> torch.Tensor:
        batch = self.data if rows is None else {name: x[rows] for name, x in self.data.items()}
        hold = Hold({**self.arrays(self.frozen), **self.coordinates.values(v)})
        torch.manual_seed(key[0] * 1_000_003 + key[1])
        model, guide = hold(self.model), hold(self.guide)
        return self.elbo.differentiable_loss(model, guide, size=self.size, **batch, **self.options)

    def _gradient(self, v: torch.Tensor, key: tuple[int, int], rows: torch.Tensor | None) -> tuple[Any, Any]:
        v = v.detach().requires_grad_()
        loss = self._loss(v, key, rows)
        return loss.detach(), torch.autograd.grad(loss, v)[0]

    @_scoped
    def learn(
        self, state: State, rates: np.ndarray, rows: np.ndarray | None, seed: int
    ) -> tuple[State, np.ndarray, float]:
        """Take steps of SVI.

        Args:
            state: where to go on from.
            rates: learning rate of each step (T,).
            rows: each step's rows (T, B); None for all rows.
            seed: of the draws.

        Returns:
            The state, the losses (T,) in nats, NaN from the first step that is not finite, and the seconds
            that compilation took: none here.
        """
        v, mean, square = (
            torch.as_tensor(a, dtype=getattr(torch, self.dtype)) for a in (state.v, state.mean, state.square)
        )
        batches = None if rows is None else torch.as_tensor(rows)
        count, losses = state.count, np.full(len(rates), np.nan)
        for t, rate in enumerate(rates):
            loss, gradient = self._gradient(v, (seed, count), None if batches is None else batches[t])
            if not (torch.isfinite(loss) & torch.isfinite(gradient).all()):
                break
            v, mean, square = adam.step(v, gradient, mean, square, count + 1.0, float(rate))
            count, losses[t] = count + 1, loss.item()
        return State(v.cpu().numpy(), mean.cpu().numpy(), square.cpu().numpy(), count), losses, 0.0

    @_scoped
    def explore(self, starts: np.ndarray, rates: np.ndarray) -> np.ndarray:
        """Climb the log joint from many starts side by side: at a point, local latents summed out, no draws.

        Args:
            starts: where each start stands (starts, size).
            rates: learning rate of each step (T,).

        Returns:
            −log joint where each came to (starts,).
        """
        gradient = torch.func.vmap(torch.func.grad(self._point_loss))
        v = torch.as_tensor(starts, dtype=getattr(torch, self.dtype))
        mean, square = torch.zeros_like(v), torch.zeros_like(v)
        for count, rate in enumerate(rates, 1):
            v, mean, square = adam.step(v, gradient(v), mean, square, count, float(rate))
        return torch.func.vmap(self._point_loss)(v).cpu().numpy()

    def _point_loss(self, v: torch.Tensor) -> torch.Tensor:
        values = {**self.arrays(self.frozen), **self.coordinates.values(v)}
        return self._potential(values, values.get("globals.loc", v[:0]))

    @_scoped
    def blame(self, state: State, rows: np.ndarray | None, seed: int) -> str:
        """Name the site at which a step from this state is not finite."""
        v = torch.as_tensor(state.v, dtype=getattr(torch, self.dtype))
        values = {**self.arrays(self.frozen), **self.coordinates.values(v)}
        torch.manual_seed(seed * 1_000_003 + state.count)
        nodes = trace(Hold(values)(self.guide)).get_trace(**self.data, **self.options).nodes
        drawn = {s.name: nodes[s.name]["value"] for s in self.guide.latents}
        checks = {**values, **drawn}
        for choice in choices(self.guide.sites, self.guide.data_plate):
            checks |= log_densities(self.model, (), {**self.data, **self.options}, {**values, **drawn, **choice})
            for name, value in checks.items():
                if not torch.isfinite(value).all():
                    return name
        batch = None if rows is None else torch.as_tensor(rows)
        gradient = self._gradient(v, (seed, state.count), batch)[1].cpu().numpy()
        return self.coordinates.site_at(int(np.argmin(np.isfinite(gradient))))

    @_scoped
    def values(self, state: State) -> Values:
        """Return every param's constrained value, frozen ones included."""
        v = torch.as_tensor(state.v, dtype=getattr(torch, self.dtype))
        return {**{name: np.asarray(f) for name, f in self.frozen.items()}, **self.coordinates.dictionary(v)}

    @_scoped
    def evaluate(self, values: Values, noise: np.ndarray, data: Mapping[str, np.ndarray] | None = None) -> Evaluation:
        """Draw the global latents from the guide by the given noise, and evaluate their densities.

        Args:
            values: every param.
            noise: standard normals (S, noise_size).
            data: other rows than the program's own.
        """
        rows, held = self.data if data is None else self.arrays(data), self.arrays(values)
        own = {name: v for name, v in held.items() if name.startswith("globals.")}

        def one(e: torch.Tensor) -> Any:
            drawn, log_q = self.guide.draw(own, e)
            return drawn, log_q, self._density(held, drawn, rows)

        each = torch.func.vmap(one, chunk_size=self._at_once(rows, len(noise)))
        with torch.no_grad():
            drawn, log_q, (log_prior, per_row) = each(torch.as_tensor(noise, dtype=getattr(torch, self.dtype)))
        return Evaluation(_numpy(drawn), *(a.cpu().numpy() for a in (log_q, log_prior, per_row)))

    def _density(self, values: Any, drawn: Any, data: Any) -> tuple[torch.Tensor, torch.Tensor]:
        log_prior, rows = self._row_log_joint(values, drawn, data)
        return log_prior, torch.logsumexp(rows, -1)

    def _row_log_joint(self, values: Any, drawn: Any, data: Any) -> tuple[torch.Tensor, torch.Tensor]:
        kwargs = {**data, **self.options}
        traced = self.guide.trace((), kwargs)
        return row_log_joint(self.model, (), kwargs, {**values, **drawn}, traced, self.guide.data_plate)

    @_scoped
    def densities(
        self, values: Values, draws: Values, data: Mapping[str, np.ndarray] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate given draws of the global latents (S, …): log prior (S,) and rows' log-likelihood (S, n)."""
        log_prior, per_row = self._map(self._density, values, draws, data)
        return log_prior.cpu().numpy(), per_row.cpu().numpy()

    @_scoped
    def row_probs(self, values: Values, draws: Values, data: Mapping[str, np.ndarray] | None = None) -> np.ndarray:
        """Return the posterior of the discrete local latents, at each draw (S, n, combinations)."""

        def probs(values: Any, drawn: Any, data: Any) -> torch.Tensor:
            return torch.softmax(self._row_log_joint(values, drawn, data)[1], -1)

        return self._map(probs, values, draws, data).cpu().numpy()

    def _map(self, function: Callable[..., Any], values: Values, draws: Values, data: Any) -> Any:
        rows, held = self.data if data is None else self.arrays(data), self.arrays(values)
        given, index = self.arrays(draws), torch.arange(_count(draws))

        def each(i: torch.Tensor) -> Any:
            return function(held, {name: d[i] for name, d in given.items()}, rows)

        with torch.no_grad():
            return torch.func.vmap(each, chunk_size=self._at_once(rows, len(index)))(index)

    @_scoped
    def forward(self, values: Values, draws: Values, num: int, size: int, seed: int, *, means: bool = False) -> Values:
        """Run the model forward, without data.

        Args:
            values: every param.
            draws: latents that are given (num, …); the others are drawn.
            num: number of runs.
            size: rows a run.
            means: return the mean of each observed site's distribution in place of a draw.

        Returns:
            Every latent and observed site (num, *shape).
        """
        held, given, runs = self.arrays(values), self.arrays(draws), []
        torch.manual_seed(seed)
        with torch.no_grad():
            for i in range(num):
                hold = Hold({**held, **{name: d[i] for name, d in given.items()}})
                nodes = trace(hold(self.model)).get_trace(size=size, **self.options).nodes
                drawn = {name: node for name, node in nodes.items() if is_sample(node)}
                mean = {name for name in drawn if means and name in self.data}
                runs.append({name: n["fn"].mean if name in mean else n["value"] for name, n in drawn.items()})
        return _numpy({name: torch.stack([r[name] for r in runs]) for name in runs[0]})

    @_scoped
    def hessian(self, values: Values) -> np.ndarray:
        """Return the Hessian of −log p(x, v) in the guide's coordinates, at the guide's point (d, d)."""
        held = self.arrays(values)
        return torch.func.jacrev(torch.func.grad(partial(self._potential, held)))(held["globals.loc"]).cpu().numpy()

    def _potential(self, values: Any, v: torch.Tensor) -> torch.Tensor:
        log_prior, rows = self._density(values, self.guide.coordinates.values(v), self.data)
        return -(log_prior + rows.sum() + self.guide.coordinates.log_jacobian(v))

    @_scoped
    def nuts(
        self,
        values: Values,
        starts: np.ndarray,
        num_warmup: int,
        num_draws: int,
        seed: int,
        progress: Callable[[int, int], None] | None = None,
    ) -> Chains:
        """Run NUTS over the global latents, discrete local ones summed out, params held.

        Args:
            starts: each chain's start in the guide's coordinates (chains, d).
            progress: called with (chains done, chains) after each chain; they run one after the other.
        """
        held, chains = self.arrays(values), []
        for chain, start in enumerate(starts):
            pyro.set_rng_seed(seed * 1_000 + chain)
            kernel = NUTS(potential_fn=lambda point: self._potential(held, point["v"]))
            point = {"v": torch.as_tensor(start, dtype=getattr(torch, self.dtype))}
            sampler = MCMC(kernel, num_draws, num_warmup, initial_params=point, disable_progbar=True)
            sampler.run()
            v = sampler.get_samples()["v"]
            lp = -torch.stack([self._potential(held, one).detach() for one in v])
            bad = torch.zeros(num_draws, dtype=torch.bool)
            bad[sampler.diagnostics()["divergences"]["chain 0"]] = True
            chains.append((torch.func.vmap(self.guide.coordinates.values)(v), {"lp": lp, "diverging": bad}))
            if progress:
                progress(chain + 1, len(starts))
        merged = [{name: torch.stack([c[part][name] for c in chains]) for name in chains[0][part]} for part in (0, 1)]
        return Chains(_numpy(merged[0]), _numpy(merged[1]))

    def _at_once(self, data: Any, draws: int) -> int:
        cells = sum(x.numel() for x in data.values()) * self.combinations
        return max(1, min(draws, BUDGET // max(cells, 1)))


def _count(draws: Mapping[str, Any]) -> int:
    return len(next(iter(draws.values()))) if draws else 1


def _numpy(tree: Mapping[str, Any]) -> Values:
    return {name: value.detach().cpu().numpy() for name, value in tree.items()}
