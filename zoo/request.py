"""What a fit is asked for: every word of `zoo.fit`, checked against the model before anything is traced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from guides import local_names
from guides import names as guide_names
from guides.families import family
from zoo import backends
from zoo.card import Card
from zoo.catalogue import Model
from zoo.errors import UserError, unknown

METHODS, OPTIMIZERS, DTYPES = ("svi", "nuts"), ("adam",), ("float32", "float64")
NO_GLOBALS = "no globals"
_NUTS_ONLY = ("num_chains", "num_warmup")
_SVI_ONLY = ("guide", "num_steps", "batch_size", "learning_rate", "num_particles", "restarts")


@dataclass(frozen=True)
class Request:
    """The words of `zoo.fit`; None where nothing was said. `checked` fills in the defaults."""

    guide: str | None = None
    local: Any = None
    local_guide: str | None = None
    method: str = "svi"
    backend: str = "numpyro"
    num_steps: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    optimizer: str = "adam"
    num_particles: int | None = None
    restarts: int | None = None
    num_chains: int | None = None
    num_warmup: int | None = None
    num_draws: int = 1000
    seed: int = 0
    device: str = "cpu"
    dtype: str = "float32"
    guide_options: Mapping[str, Any] = field(default_factory=dict)

    def checked(self, model: Model, data: Mapping[str, np.ndarray], frozen: Mapping[str, Any]) -> Request:
        """Return the request with every default filled in.

        Args:
            model: bound to the data.
            data: arrays by name.
            frozen: parameters of the model that are held.

        Raises:
            UserError: a word that is unknown, out of range, or without effect.
        """
        for kind, name, known in (
            ("method", self.method, METHODS),
            ("backend", self.backend, backends.names()),
            ("optimizer", self.optimizer, OPTIMIZERS),
            ("dtype", self.dtype, DTYPES),
            ("guide", self.guide, [*guide_names(), None]),
        ):
            if name not in known:
                raise unknown(kind, name, [k for k in known if k])
        card, learning = model.card, model.card.learning
        active = card.active_sites(model.options)
        latent = any(s.kind == "latent" and not s.local for s in active)
        self._check_method(card, latent, any(s.kind == "param" and s.name not in frozen for s in active))
        self._check_numbers(len(next(iter(data.values()))))
        nuts = self.method == "nuts"
        guide = None if nuts else (self.guide or "mean_field" if latent else NO_GLOBALS)
        return replace(
            self,
            guide=guide,
            guide_options=self._family_options(guide),
            local=self._local(card),
            local_guide="categorical" if card.local else None,
            num_steps=None if nuts else self.num_steps or learning.num_steps,
            learning_rate=None if nuts else self.learning_rate or learning.learning_rate,
            num_particles=None if nuts else self.num_particles or 1,
            restarts=None if nuts else self.restarts or learning.restarts,
            num_chains=self.num_chains or 4 if nuts else None,
            num_warmup=self.num_warmup or 500 if nuts else None,
        )

    def _check_method(self, card: Card, latent: bool, learnt: bool) -> None:
        idle = _SVI_ONLY if self.method == "nuts" else _NUTS_ONLY
        for name in idle:
            if getattr(self, name) is not None:
                raise UserError(f"{name} has no effect with method={self.method!r}; leave it out")
        if self.guide is not None and not latent:
            raise UserError(
                f"model {card.name!r} has no global latents for guide {self.guide!r} to serve; leave it out"
            )
        if self.method == "nuts" and not latent:
            raise UserError(f"model {card.name!r} has no global latents for NUTS to draw; use method='svi'")
        if self.method == "nuts" and learnt:
            raise UserError(f"model {card.name!r} has parameters to learn; fit it by SVI and refit by NUTS")
        if self.local_guide not in {None, "categorical"} or (self.local_guide and not card.local):
            what = "discrete local latents only" if card.local else "no local latents"
            raise UserError(f"model {card.name!r} has {what}; leave local_guide out")

    def _check_numbers(self, rows: int) -> None:
        names = (
            "num_steps",
            "batch_size",
            "num_particles",
            "restarts",
            "num_chains",
            "num_warmup",
            "num_draws",
        )
        for name in names:
            value = getattr(self, name)
            whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
            if value is not None and not (whole and value >= 1):
                raise UserError(f"{name}={value!r} must be a whole number of at least 1")
        if not isinstance(self.seed, (int, np.integer)) or isinstance(self.seed, bool) or not 0 <= self.seed < 2**31:
            raise UserError(f"seed={self.seed!r} must be a whole number from 0 to 2147483647")
        rate = self.learning_rate
        if rate is not None and not (isinstance(rate, (int, float)) and np.isfinite(rate) and rate > 0):
            raise UserError(f"learning_rate={rate!r} must be a positive number")
        if self.batch_size is not None and self.batch_size > rows:
            raise UserError(f"batch_size={self.batch_size} is more than the data's {rows} rows; take at most {rows}")

    def _family_options(self, guide: str | None) -> dict[str, Any]:
        known = family(guide).options if guide not in {None, NO_GLOBALS} else {}
        for name in self.guide_options:
            if name not in known:
                raise unknown("guide option", name, known, f"guide {guide!r}")
        return dict(self.guide_options)

    def _local(self, card: Card) -> str | None:
        asked = self.local
        if isinstance(asked, Mapping):
            sites = [s.name for s in card.sites if s.kind == "latent" and s.local]
            for name in asked:
                if name not in sites:
                    raise unknown("local site", name, sites, f"model {card.name!r}")
            asked = next(iter(asked.values()), None)
        if asked is not None and asked not in local_names():
            raise unknown("local treatment", asked, local_names())
        if asked is not None and asked not in card.local:
            why = f"it has {', '.join(card.local)}" if card.local else "it has no local latents; leave local out"
            raise UserError(f"model {card.name!r} does not take local={asked!r}: {why}")
        return asked or (card.local[0] if card.local else None)

    def words(self) -> dict[str, Any]:
        """Return the request as a plain dict."""
        return asdict(self)
