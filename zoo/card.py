"""What a model declares about itself: the contract between a model's folder and everything else.

A card holds words and numbers only; it imports no backend, so that listing the zoo is quick.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Data = Mapping[str, np.ndarray]

DATA_PLATE = "data"
ROW = "row"


@dataclass(frozen=True)
class Site:
    """One named quantity of a model.

    Args:
        name: as in the model's `sample` or `param` statement.
        kind: "param" (learnt by maximum likelihood), "latent" or "observed".
        shape: the dimensions' names in order, such as ("component", "feature"). A site inside the
            data plate begins with "row"; a scalar has ().
        support: "real", "positive", "simplex", "ordered", "corr_cholesky", "lower_cholesky", "category", …
        meaning: what it stands for, in a few words.
        symbol: as on the slides, in TeX without dollar signs.
        unit: physical unit, empty when there is none or it depends on the user's data.
        when: option values under which the site exists; empty for always.
    """

    name: str
    kind: Literal["param", "latent", "observed"]
    shape: tuple[str, ...]
    support: str
    meaning: str
    symbol: str = ""
    unit: str = ""
    when: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    @property
    def local(self) -> bool:
        """Whether the site lives inside the data plate."""
        return ROW in self.shape

    @property
    def discrete(self) -> bool:
        """Whether its values are categories or counts."""
        return self.support in {"category", "boolean", "integer"}


@dataclass(frozen=True)
class Option:
    """One keyword of a model.

    Args:
        name: the keyword.
        default: its value when nothing is said; its type is the option's type.
        meaning: one line.
        choices: the allowed values, where they are few.
        at_least: smallest allowed number (inclusive); `above` is the exclusive form.
        derive: computes the value from the data when the user says nothing, such as D from x's columns.
            Recorded in the run, so that a derived value is never hidden.
        fixed_by_data: a value other than the derived one is an error (D cannot disagree with x).
    """

    name: str
    default: Any
    meaning: str
    choices: tuple[Any, ...] = ()
    at_least: float | None = None
    above: float | None = None
    derive: Callable[[Data], Any] | None = None
    fixed_by_data: bool = False


@dataclass(frozen=True)
class DataSet:
    """A named data set that `data.load(name)` returns: what it is, where it comes from, its licence.

    `columns` are the names of the first array's columns, where it has several; `when` are the option values that it
    suits, empty for any.
    """

    name: str
    meaning: str
    source: str
    licence: str
    columns: tuple[str, ...] = ()
    when: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Learning:
    """The pinned defaults of SVI for one model.

    Args:
        num_steps: steps of the first two rounds together; further rounds follow while the ELBO rises.
        learning_rate: of a round's first step.
        restarts: starts that are tried.
        batch_size: rows per step; None for all rows up to 2,000, and 1,000 of more.
    """

    num_steps: int = 2000
    learning_rate: float = 0.02
    restarts: int = 1
    batch_size: int | None = None


@dataclass(frozen=True)
class Card:
    """Everything that the zoo needs to know of a model apart from its code.

    Args:
        name: folder name and model name.
        title: a short title.
        lecture: the section of the lecture it comes from.
        process: the generative process in ~ notation, one statement a line.
        formula: the model's density in TeX (matplotlib's subset), without dollar signs.
        sites: every site, in the model's order.
        options: every option, in the model's order.
        inputs: data name to the names of its dimensions, such as {"x": ("row", "feature")}.
        covariates: names of the inputs that are given and not modelled; the others are observed sites.
        missing: names of the arrays in which NaN stands for what was not seen, such as steps past a series' end.
        whole: names of the arrays of integers or booleans, which keep their type; others are read as floats.
        datasets: named data sets; the first one that suits the options is the default.
        exact: what is known exactly, name to a line of words: "evidence", "posterior", "log_likelihood", …
        hard: what is hard about it.
        references: numbered sources.
        local: local treatments that make sense, the default first; empty without local latents.
        encoder: what an encoder sees, data name to "row" (its numbers, standardised), "counts" (log(1 +
            count)) or "window" (each step of a series with its neighbours).
        exchangeable: the dimension whose labels can be permuted without changing the model; or empty.
        label_sites: the sites by which relabelling matches components, each with the exchangeable dimension once; the
            first of them that exists serves.
        no_reference: why chains have no moments that a guide could be held against; empty where they have.
        dims: sizes of the named dimensions from data and options.
        learning: pinned SVI defaults.
    """

    name: str
    title: str
    lecture: str
    process: str
    formula: str
    sites: tuple[Site, ...]
    inputs: Mapping[str, tuple[str, ...]]
    datasets: tuple[DataSet, ...]
    exact: Mapping[str, str]
    hard: str
    references: tuple[str, ...]
    dims: Callable[[Data, Mapping[str, Any]], dict[str, int]]
    options: tuple[Option, ...] = ()
    covariates: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    local: tuple[str, ...] = ()
    encoder: Mapping[str, str] = field(default_factory=dict)
    exchangeable: str = ""
    label_sites: tuple[str, ...] = ()
    no_reference: str = ""
    learning: Learning = Learning()

    def active_sites(self, options: Mapping[str, Any]) -> tuple[Site, ...]:
        """Return the sites that exist under these options."""
        return tuple(s for s in self.sites if _holds(s.when, options))

    def data_set(self, options: Mapping[str, Any]) -> DataSet:
        """Return the default data set under these options."""
        return next((d for d in self.datasets if _holds(d.when, options)), self.datasets[0])

    def option(self, name: str) -> Option:
        """Return the option of that name.

        Raises:
            KeyError: there is no such option.
        """
        return {o.name: o for o in self.options}[name]


def _holds(when: Mapping[str, tuple[Any, ...]], options: Mapping[str, Any]) -> bool:
    return all(options.get(name) in values for name, values in when.items())
