"""Guides for any Pyro or NumPyro model: a family for the global latents, a treatment for the local ones.

    import guides
    guide = guides.build(model, guide="full_rank", backend="numpyro", data={"x": x})
    SVI(model, guide, Adam(0.01), guide.objective()).run(key, 2000, x=x)

The guide is read off a trace of the model. It works in the libraries' stock `SVI`; `zoo.fit` runs the same
object with the zoo's own parameters and step.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from guides.errors import GuideError
from guides.raising import start_from
from guides.start import Start
from guides.supplied import Supplied

__all__ = ["GuideError", "Start", "Supplied", "build", "local_names", "names", "start_from"]

BACKENDS = {"pyro": ("pyro", "torch"), "numpyro": ("numpyro", "jax")}


def names() -> list[str]:
    """Return the names of the families over global latents."""
    from guides import families

    return families.names()


def local_names() -> list[str]:
    """Return the names of the local treatments."""
    from guides import local

    return local.names()


def build(
    model: Callable[..., Any],
    *,
    guide: str = "mean_field",
    backend: str,
    data: Any = None,
    local: str | Mapping[str, str] = "marginal",
    local_guide: str = "mean_field",
    local_options: Mapping[str, Any] | None = None,
    encoder: Mapping[str, str] | None = None,
    supplied: Supplied | None = None,
    starts: Mapping[str, Start] | None = None,
    data_plate: str = "data",
    seed: int = 0,
    **options: Any,
) -> Any:
    """Build a guide for a model from its trace.

    Args:
        model: a Pyro or NumPyro model function.
        guide: family of the global latents; see `names()`.
        backend: "pyro" or "numpyro".
        data: the model's keywords as a mapping, or its first argument.
        local: treatment of the latents inside the data plate, or one by site; see `local_names()`. The default
            sums discrete ones out; continuous ones need another.
        local_guide: family of the continuous ones, with any treatment that gives each row its own numbers.
        local_options: options of the treatment and of that family, such as {"depth": 2}.
        encoder: what an encoder sees, data name to "row", "counts" or "window"; every array by default.
        supplied: for "exact" or "coordinate" with continuous latents: the model's own q of them.
        starts: where latents start, by site name, as `Start(value, spread)`; a site without one starts at its support's
            middle. If not given, they are searched for (see `guides.locate`); the middle serves if the model's density
            is finite nowhere near it, or its discrete latents have too many values to sum over.
        data_plate: name of the plate over rows.
        seed: of the family's initial values.
        **options: options of the family, such as `rank=2`.

    Returns:
        A callable guide with `.objective()`, its matching ELBO, and `.draw`, `.parameters`, `.latents`.

    Raises:
        GuideError: an unknown name, a missing backend, or a model that the guide cannot serve.
    """
    from guides.families import family
    from guides.guide import check_call, split
    from guides.local import treatment

    family(guide), family(local_guide)
    for name in [local] if isinstance(local, str) else local.values():
        treatment(name)
    if backend not in BACKENDS:
        raise GuideError(f"backend {backend!r} is unknown. Known: {', '.join(BACKENDS)}")
    try:
        module = importlib.import_module(f"guides.guide_{backend}")
    except ModuleNotFoundError as error:
        if error.name not in BACKENDS[backend]:
            raise
        raise GuideError(f'backend {backend!r} is not installed: pip install "ppl-zoo[{backend}]"') from None
    args, kwargs = split(data)
    check_call(model, args, kwargs)
    made = partial(
        module.Guide,
        model,
        args,
        kwargs,
        name=guide,
        local=local,
        local_guide=local_guide,
        local_options=local_options,
        encoder=encoder,
        supplied=supplied,
        data_plate=data_plate,
        seed=seed,
        options=options,
    )
    if starts is not None:
        return made(starts=starts)
    made(starts={})  # the search takes seconds, and errors are to come before it
    located = importlib.import_module(f"guides.locate_{backend}").located
    return made(starts=located(model, args, kwargs, data_plate, seed))
