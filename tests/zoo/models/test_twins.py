"""A model's two files are one text: what differs is the imports, the prefix and the array module."""

import difflib
import io
import re
import tokenize
from pathlib import Path

import pytest

import zoo.models

FOLDERS = sorted(path.parent for path in Path(zoo.models.__path__[0]).glob("*/model_*.py"))
NAMES = sorted({folder.name for folder in FOLDERS})

PAIRS = {("pyro", "numpyro"), ("torch", "jnp")}
IMPORTS = {
    "import pyro": "import numpyro",
    "import pyro.distributions as dist": "import numpyro.distributions as dist",
    "from pyro.distributions import constraints": "from numpyro.distributions import constraints",
    "import torch": "import jax.numpy as jnp",
    "from torch import Tensor as Array": "from jax import Array",
    "from zoo.distributions.markov_chain_pyro import MarkovChain, seen_steps": (
        "from zoo.distributions.markov_chain_numpyro import MarkovChain, seen_steps"
    ),
    "from zoo.distributions.words_pyro import Words": "from zoo.distributions.words_numpyro import Words",
    "from zoo.distributions.nade_pyro import Nade": "from zoo.distributions.nade_numpyro import Nade",
    "from guides.nets.mlp_pyro import mlp": "from guides.nets.mlp_numpyro import mlp",
    "from zoo.distributions.linear_chain_pyro import LinearChain, lengths": (
        "from zoo.distributions.linear_chain_numpyro import LinearChain, lengths"
    ),
    "from guides.nets.heads_pyro import bernoulli": "from guides.nets.heads_numpyro import bernoulli",
    "from guides.nets.mlp_pyro import mlp, softplus, split": "from guides.nets.mlp_numpyro import mlp, softplus, split",
}


def text(name: str, library: str) -> str:
    return (Path(zoo.models.__path__[0]) / name / f"model_{library}.py").read_text(encoding="utf-8")


def split(source: str) -> tuple[set[str], str]:
    """Return the import lines and the rest."""
    lines = source.splitlines()
    imports = {line for line in lines if re.match(r"(import|from) ", line)}
    return imports, "\n".join(line for line in lines if line not in imports)


def differing_tokens(pyro: str, numpyro: str) -> set[tuple[str, str]]:
    """Return the pairs of tokens in which two sources differ; their line breaks may lie elsewhere."""
    skip = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.COMMENT}
    streams = []
    for source in (pyro, numpyro):
        source = source.replace("NumPyro", "Pyro")
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        streams.append([t.string for t in tokens if t.type not in skip])
    if len(streams[0]) != len(streams[1]):
        diff = "\n".join(difflib.unified_diff(*streams, lineterm="", n=2))
        raise AssertionError(f"one file has statements that the other has not:\n{diff}")
    return {(a, b) for a, b in zip(*streams, strict=True) if a != b}


def test_every_model_has_both_files():
    assert NAMES
    for name in NAMES:
        for library in ("pyro", "numpyro"):
            assert text(name, library)


@pytest.mark.parametrize("name", NAMES)
def test_the_two_files_are_one_text(name):
    (pyro_imports, pyro_rest), (numpyro_imports, numpyro_rest) = (split(text(name, b)) for b in ("pyro", "numpyro"))
    assert differing_tokens(pyro_rest, numpyro_rest) <= PAIRS
    assert {IMPORTS.get(line, line) for line in pyro_imports} == numpyro_imports


@pytest.mark.parametrize(
    ("pyro", "numpyro"),
    [
        ("pyro.sample('s', dist.HalfCauchy(1.0))", "numpyro.sample('s', dist.Cauchy(1.0))"),
        ("torch.ones(K)", "jnp.ones(D)"),
    ],
)
def test_a_planted_difference_is_seen(pyro, numpyro):
    assert differing_tokens(pyro, numpyro) - PAIRS


def test_a_missing_argument_is_seen():
    with pytest.raises(AssertionError, match="one file has statements"):
        differing_tokens("dist.Normal(m, v**0.5)", "dist.Normal(m, v)")
