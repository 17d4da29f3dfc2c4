"""What a fit is asked for: every word of `zoo.fit`, checked against the model before anything is traced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from guides import families, local_names
from guides import names as guide_names
from guides.families import family, generator
from guides.local import treatment
from zoo import backends
from zoo.card import Card, Site
from zoo.catalogue import Data, Model
from zoo.errors import UserError, unknown
from zoo.schedule import AUTO, default_batch

METHODS, OPTIMIZERS, DTYPES = ("svi", "nuts"), ("adam",), ("float32", "float64")
NO_GLOBALS = "no globals"
_NUTS_ONLY = ("num_chains", "num_warmup")
_SVI_ONLY = ("guide", "num_steps", "finish", "batch_size", "learning_rate", "num_particles", "restarts")


@dataclass(frozen=True)
class Request:
    """The words of `zoo.fit`; None where nothing was said. `checked` fills in the defaults."""

    guide: str | None = None
    local: Any = None
    local_guide: str | None = None
    method: str = "svi"
    backend: str = "numpyro"
    num_steps: int | str | None = None
    finish: bool | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    optimizer: str = "adam"
    num_particles: int | None = None
    restarts: int | None = None
    num_chains: int | None = None
    num_warmup: int | None = None
    num_draws: int = 1000
    held_out: float | None = None
    seed: int = 0
    device: str = "cpu"
    dtype: str = "float32"
    guide_options: Mapping[str, Any] = field(default_factory=dict)
    local_options: Mapping[str, Any] = field(default_factory=dict)

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
        nuts, rows = self.method == "nuts", len(next(iter(data.values())))
        latent = any(s.kind == "latent" and (not s.local or (nuts and not s.discrete)) for s in active)
        locals_ = [s for s in active if s.kind == "latent" and s.local]
        self._check_method(card, latent, any(s.kind == "param" and s.name not in frozen for s in active))
        self._check_numbers(rows)
        local = self._local(card, locals_)
        served = [local] if isinstance(local, str) else list((local or {}).values())
        by_row = any(treatment(name).by_row for name in served)
        local_guide = self._local_guide(card, locals_, by_row)
        if local_guide == "delta" and any(s.kind == "param" and s.name not in frozen for s in active):
            raise UserError(
                f"local_guide='delta' maximises over the latents and parameters of {card.name!r} at once, which is "
                "unbounded where a parameter scales a latent; refit a run with it, whose parameters are held"
            )
        guide = None if nuts else (self.guide or "mean_field" if latent else NO_GLOBALS)
        return replace(
            self,
            guide=guide,
            guide_options=self._family_options(guide),
            local=local,
            local_guide=local_guide,
            local_options=self._local_options(served, local_guide, locals_),
            batch_size=None if nuts else self.batch_size or self._batch(learning.batch_size, rows),
            num_steps=None if nuts else self.num_steps or AUTO,
            finish=None if nuts else self.num_steps in {None, AUTO} if self.finish is None else self.finish,
            learning_rate=None if nuts else self.learning_rate or learning.learning_rate,
            num_particles=None if nuts else self.num_particles or 1,
            restarts=None if nuts else self.restarts or learning.restarts,
            num_chains=self.num_chains or 4 if nuts else None,
            num_warmup=self.num_warmup or 500 if nuts else None,
        )

    def split(self, data: Data) -> tuple[Data, Data]:
        """Return the rows to learn from and those that are held out, none of them unless asked, each in their order.

        Raises:
            UserError: the share is none, or leaves no row on one side.
        """
        share, rows = self.held_out, len(next(iter(data.values())))
        if share is None:
            return data, {}
        number = isinstance(share, (int, float)) and not isinstance(share, bool)
        if not (number and 0 < share < 1):
            raise UserError(f"held_out={share!r} must be a share of the rows, between 0 and 1, such as 0.1")
        self._check_seed()
        count = round(share * rows)
        if not 0 < count < rows:
            raise UserError(
                f"held_out={share!r} of {rows} rows holds out {count}; give a share that leaves both sides one"
            )
        held = np.zeros(rows, bool)
        held[generator(self.seed, "held out").choice(rows, count, replace=False)] = True
        return {name: x[~held] for name, x in data.items()}, {name: x[held] for name, x in data.items()}

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
            auto = name == "num_steps"
            if value is not None and not (whole and value >= 1) and not (auto and value == AUTO):
                raise UserError(f"{name}={value!r} must be a whole number of at least 1{', or auto' if auto else ''}")
        if self.finish not in {None, True, False}:
            raise UserError(f"finish={self.finish!r} must be True or False")
        self._check_seed()
        rate = self.learning_rate
        if rate is not None and not (isinstance(rate, (int, float)) and np.isfinite(rate) and rate > 0):
            raise UserError(f"learning_rate={rate!r} must be a positive number")
        if self.batch_size is not None and self.batch_size > rows:
            raise UserError(f"batch_size={self.batch_size} is more than the data's {rows} rows; take at most {rows}")

    def _check_seed(self) -> None:
        if not isinstance(self.seed, (int, np.integer)) or isinstance(self.seed, bool) or not 0 <= self.seed < 2**31:
            raise UserError(f"seed={self.seed!r} must be a whole number from 0 to 2147483647")

    def _batch(self, said: int | None, rows: int) -> int | None:
        """Return the rows per step: the card's, as far as there are so many, or what suits the number of rows."""
        return default_batch(rows) if said is None else min(said, rows)

    def _family_options(self, guide: str | None) -> dict[str, Any]:
        known = family(guide).options if guide not in {None, NO_GLOBALS} else {}
        for name in self.guide_options:
            if name not in known:
                raise unknown("guide option", name, known, f"guide {guide!r}")
        return dict(self.guide_options)

    def _local(self, card: Card, sites: Sequence[Site]) -> str | dict[str, str] | None:
        if self.method == "nuts":
            return self._nuts_local(card, sites)
        asked = self.local
        if isinstance(asked, Mapping):
            for name in asked:
                if name not in [s.name for s in sites]:
                    raise unknown("local site", name, [s.name for s in sites], f"model {card.name!r}")
        for name in asked.values() if isinstance(asked, Mapping) else [asked]:
            if name is not None and name not in local_names():
                raise unknown("local treatment", name, local_names())
            if name is not None and name not in card.local:
                why = f"it has {', '.join(card.local)}" if card.local else "it has no local latents; leave local out"
                raise UserError(f"model {card.name!r} does not take local={name!r}: {why}")
        default = card.local[0] if card.local else None
        if isinstance(asked, Mapping):
            one = {asked.get(s.name, default) for s in sites}
            return one.pop() if len(one) == 1 else {s.name: asked.get(s.name, default) for s in sites}
        return asked or default

    def _nuts_local(self, card: Card, sites: Sequence[Site]) -> str | None:
        """Chains draw the continuous local latents with the others, and sum the discrete ones out."""
        summed = bool(sites) and all(s.discrete for s in sites)
        if self.local is not None and not (summed and self.local == "marginal"):
            done = "sums them out" if summed else "draws them with the others"
            raise UserError(f"local={self.local!r} has no effect on the local latents: NUTS {done}; leave it out")
        return "marginal" if summed else None

    def _local_guide(self, card: Card, sites: Sequence[Site], by_row: bool) -> str | None:
        asked, continuous = self.local_guide, any(not s.discrete for s in sites)
        if asked is not None and not sites:
            raise UserError(f"model {card.name!r} has no local latents; leave local_guide out")
        if asked is not None and asked not in [*families.names(), *families.names(discrete=True)]:
            raise unknown("local guide", asked, [*families.names(), *families.names(discrete=True)])
        if asked not in {None, "categorical"} and not (continuous and by_row):
            why = "by_row" if continuous else "discrete local latents only"
            what = "this treatment has no family" if why == "by_row" else f"model {card.name!r} has {why}"
            raise UserError(f"local_guide={asked!r} has no effect: {what}; leave local_guide out")
        if asked == "categorical" and continuous:
            raise UserError(f"local_guide='categorical' does not serve the continuous latents of {card.name!r}")
        if not sites or (continuous and not by_row):
            return None
        return asked or ("mean_field" if continuous else "categorical")

    def _local_options(self, served: Sequence[str], local_guide: str | None, sites: Sequence[Site]) -> dict[str, Any]:
        known = {name: v for one in served if one for name, v in treatment(one).options.items()}
        if known or any(treatment(one).by_row for one in served if one):
            known |= family(local_guide).options if local_guide not in {None, "categorical"} else {}
            known |= {"gradient": "disarm"} if any(s.support == "boolean" for s in sites) else {}
        for name in self.local_options:
            if name not in known:
                raise unknown("local option", name, known, f"local={'/'.join(s for s in served if s) or 'none'}")
        return dict(self.local_options)

    def words(self) -> dict[str, Any]:
        """Return the request as a plain dict."""
        return asdict(self)
