"""q(zᵢ; φᵢ) over a NumPyro model's local latents: from φ and noise to values, densities and sites."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as dist

from guides.chain_numpyro import expected_score
from guides.coordinates_numpyro import Coordinates
from guides.families.categorical import guide_numpyro as categorical
from guides.local_layout import PREFIX, Batch, LocalLayout, Rows
from guides.score_numpyro import surrogate
from guides.start import Start

Array = jax.Array
Params = Mapping[str, Array]


class LocalGuide(LocalLayout):
    """A local treatment with its family. Arguments: those of `LocalLayout`."""

    def __init__(self, sites: Any, *, starts: Mapping[str, Start], **how: Any) -> None:
        super().__init__(sites, starts=starts, **how)
        self.latents = Coordinates(self.continuous, starts)
        self.layout = Coordinates(self.phi_sites)
        if self.path:
            self.bounds = self._path_bounds
        self._draw = importlib.import_module(f"guides.families.{self.family_name}.guide_numpyro").draw
        self._phi = importlib.import_module(f"guides.local.{self.treatment_name}.guide_numpyro").phi

    def phi(self, params: Params, data: Params, inner_noise: Array, bound: Callable[[Array, Array], Array]) -> Array:
        """Return φ of each row.

        Args:
            params: the guide's parameters by their full names.
            data: the batch's arrays, rows first.
            inner_noise: (inner_draws, B, noise_size).
            bound: (φ, noise (B, noise_size)) -> one draw's ELBO of each row (B,), at the current parameters.

        Returns:
            (B, phi_size).
        """
        return self._phi(self, params, Rows(inner_noise.shape[1], data, inner_noise, bound))

    def draw(self, params: Params, phi: Array, noise: Array, batch: Batch) -> tuple[dict[str, Array], Array]:
        """Transform noise to the local latents.

        Args:
            params: the guide's parameters by their full names.
            phi: (B, phi_size).
            noise: standard normals (B, noise_size).
            batch: the rows.

        Returns:
            Values by site, of its whole shape, and log q of each row in the latents' own space (B,).
        """
        values, log_q = self.draw_continuous(params, phi, noise)
        by_row, taken = self.layout.values(phi) if self.discrete else {}, self.continuous_noise
        for site in self.discrete:
            logits, some = {"logits": by_row[f"logits.{site.name}"]}, noise[:, taken : taken + site.size]
            value, density = self._draw_path(logits, some, batch) if site.chain else categorical.draw(logits, some)
            value = value.astype(phi.dtype) if site.support.word == "boolean" else value
            values[site.name] = self._placed(site.name, value.reshape(-1, *site.shape))
            log_q, taken = log_q + density, taken + site.size
        return values, log_q

    def draw_continuous(self, params: Params, phi: Array, noise: Array) -> tuple[dict[str, Array], Array]:
        """Transform noise to the continuous local latents alone; as `draw`."""
        if not self.continuous:
            return {}, jnp.zeros(len(phi))
        shared = {p.name.removeprefix(PREFIX): params[p.name] for p in self.shared}
        v, log_q = self._draw({**shared, **self.layout.values(phi)}, noise[:, : self.continuous_noise])
        values, log_jacobian = self.latents.transform(v)
        log_q = log_q - log_jacobian if self.family.jacobian and self.latents.warps else log_q
        return {name: self._placed(name, value) for name, value in values.items()}, log_q

    def _placed(self, name: str, value: Array) -> Array:
        return jnp.moveaxis(value, 0, self.axes[name])

    def log_probs(self, phi: Array) -> Array:
        """Return log q of every combination of the discrete latents, one entry a row each (B, combinations)."""
        by_row, out = self.layout.values(phi), jnp.zeros((len(phi), 1))
        for site in self.discrete:
            each = categorical.log_probs({"logits": by_row[f"logits.{site.name}"]})[:, 0]
            out = (out[:, :, None] + each[:, None, :]).reshape(len(phi), -1)
        return out

    def density(
        self, params: Params, phi: Array, noise: Array, inner_noise: Array, batch: Batch
    ) -> tuple[dict[str, Array], Array]:
        """Return `draw`, with a log q whose gradient is right for discrete draws that are not summed over.

        Of a path, whose ELBO is a closed form: a point, and what makes log p(x, z) − log q(z) the ELBO.
        """
        if self.bounds:
            values, bound, _ = self.bounds(params, batch, phi)
            return values, batch.log_joint(values) - bound
        values, log_q = self.draw(params, phi, noise, batch)
        if not self.discrete or self.enumerated:
            return values, log_q

        def signal(e: Array) -> tuple[Array, Array, Array]:
            values, log_q = self.draw(params, phi, e, batch)
            entries = [values[s.name].reshape(len(phi), -1) for s in self.sites]
            return jnp.concatenate(entries, -1), batch.log_joint(values) - log_q, log_q

        by_row = self.layout.values(phi)
        logits = jnp.concatenate([by_row[f"logits.{s.name}"] for s in self.discrete], 1)
        second = inner_noise[0] if len(inner_noise) else None
        return values, surrogate(self.options["gradient"], signal, logits, noise, second)

    def _there(self, batch: Batch, steps: int) -> Array:
        """Return which steps of a path are within its length (B, T)."""
        length = jnp.asarray(batch.states.prior.length)
        return jnp.arange(steps) < length[..., None]

    def _draw_path(self, logits: Params, noise: Array, batch: Batch) -> tuple[Array, Array]:
        """Return a path (B, T), 0 past its length, and log q of it (B,)."""
        value, _ = categorical.draw(logits, noise)
        log_p, there = categorical.log_probs(logits), self._there(batch, noise.shape[-1])
        density = jnp.take_along_axis(log_p, value[..., None], -1)[..., 0]
        return jnp.where(there, value, 0), jnp.where(there, density, 0.0).sum(-1)

    def _path_bounds(self, params: Params, batch: Batch, phi: Array) -> tuple[dict[str, Array], Array, Array]:
        """Return the likeliest path of q, the ELBO (B,) and its part E log p(x | z) (B,); steps are independent."""
        assert self.path
        states = batch.states
        log_p = categorical.log_probs({"logits": self.layout.values(phi)[f"logits.{self.path.name}"]})
        probs, there = jnp.exp(log_p), self._there(batch, log_p.shape[1])[..., None]
        likelihood = jnp.where(there, probs * states.likelihood, 0.0).sum((-2, -1)) + states.likelihood_rest
        entropy = -jnp.where(there, probs * log_p, 0.0).sum((-2, -1))
        bound = expected_score(states.prior, probs) + likelihood + entropy + states.prior_rest
        path = jnp.where(there[..., 0], log_p.argmax(-1), 0)
        return {self.path.name: self._placed(self.path.name, path)}, bound, likelihood

    def categories(self, site: Any, phi: Array) -> Any:
        """Return the distribution of a discrete latent with one entry a row."""
        logits = self.layout.values(phi)[f"logits.{site.name}"]
        log_p = categorical.log_probs({"logits": logits})[:, 0]
        boolean = site.support.word == "boolean"
        return dist.Bernoulli(probs=jnp.exp(log_p[:, 1])) if boolean else dist.Categorical(logits=log_p)
