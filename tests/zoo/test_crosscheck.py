"""One model in both backends is found to be one; every planted bug is caught, by the row that should."""

from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.crosscheck import crosscheck, crosscheck_files, rows
from zoo.errors import UserError

HEADERS = {
    "pyro": "import pyro as ppl\nimport pyro.distributions as dist\nimport torch as np\n",
    "numpyro": "import numpyro as ppl\nimport numpyro.distributions as dist\nimport jax.numpy as np\n",
}
# A hierarchy with unequal sizes in every axis: K = 3 groups of D = 2 columns, 5 rows.
MODEL = """
def model(x=None, y=None):
    n = len(x)
    scale = ppl.sample("scale", dist.HalfCauchy(2.0))
    slope = ppl.param("slope", np.ones(2) * 0.5)
    with ppl.plate("groups", 3, dim=-2):
        with ppl.plate("columns", 2, dim=-1):
            loc = ppl.sample("loc", dist.Normal(0.3, np.abs(scale)))
    with ppl.plate("data", n):
        z = ppl.sample("z", dist.Categorical(np.ones(3) / 3), infer={"enumerate": "parallel"})
        mean = loc[z] + slope * x[..., None]
        ppl.sample("y", dist.Normal(mean, np.abs(scale) ** 0.5).to_event(1), obs=y)
"""
DATA = {
    "x": np.linspace(-1.0, 2.0, 5),
    "y": np.random.default_rng(3).normal(size=(5, 2)),
}
pytestmark = pytest.mark.needs("pyro", "numpyro")


Edits = tuple[tuple[str, str], ...]


def pair(folder: Path, edits: Edits = ()) -> tuple[str, str]:
    """Write the model for both backends, the second one edited."""
    text = MODEL
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    (folder / "a.py").write_text(HEADERS["pyro"] + MODEL)
    (folder / "b.py").write_text(HEADERS["numpyro"] + text)
    return f"{folder / 'a.py'}:model", f"{folder / 'b.py'}:model"


def test_the_same_model_is_the_same(tmp_path):
    check = crosscheck(*pair(tmp_path), data=DATA)
    assert check.ok, check.text()
    assert {row.what for row in check.rows} == {
        "sites",
        "kind",
        "support",
        "shape",
        "plates",
        "values",
        "edges",
        "log density",
        "gradient",
    }
    assert {row.where for row in check.rows if row.what == "gradient"} == {"scale", "slope", "loc"}
    assert "are the same model" in check.text()


# What is planted in the second file, and rows that have to catch it.
BUGS: dict[str, tuple[Edits, set[tuple[str, str]]]] = {
    "variance as scale": (((" ** 0.5", ""),), {("log density", "y"), ("gradient", "scale")}),
    "prior dropped": (
        (("dist.HalfCauchy(2.0)", "dist.HalfCauchy(2.0).mask(False)"),),
        {("log density", "scale"), ("gradient", "scale")},
    ),
    "prior dropped for a param": (
        (
            (
                'ppl.sample("scale", dist.HalfCauchy(2.0))',
                'ppl.param("scale", 1.0, constraint=dist.constraints.positive)',
            ),
        ),
        {("kind", "scale"), ("log density", "sites that have one")},
    ),
    "Cauchy for HalfCauchy": (
        (("HalfCauchy(2.0)", "Cauchy(0.0, 2.0)"),),
        {("support", "scale"), ("log density", "scale")},
    ),
    "plates swapped by name": (
        (('"groups", 3', '"columns", 3'), ('"columns", 2', '"groups", 2')),
        {("plates", "loc")},
    ),
    "plates swapped by axis": (
        (("3, dim=-2", "3, dim=-1"), ("2, dim=-1", "2, dim=-2"), ("loc[z]", "loc.T[z]")),
        {("plates", "loc"), ("shape", "loc"), ("log density", "all")},
    ),
    "edge lost": (
        (("Normal(0.3, np.abs(scale))", "Normal(0.3, 1.0)"),),
        {("edges", "all"), ("log density", "loc")},
    ),
    "weights": ((("np.ones(3) / 3", "np.array([0.5, 0.3, 0.2])"),), {("log density", "z")}),
    "sign": ((("+ slope *", "- slope *"),), {("gradient", "slope"), ("log density", "y")}),
    "site renamed": ((('"loc"', '"location"'),), {("sites", "all"), ("log density", "all")}),
    "cardinality": ((("np.ones(3) / 3", "np.ones(4) / 4"),), {("values", "z"), ("log density", "z")}),
    "seventh digit": (
        (("HalfCauchy(2.0)", "HalfCauchy(2.0000002)"),),
        {("log density", "scale"), ("gradient", "scale")},
    ),
}


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_caught(tmp_path, name):
    edits, caught = BUGS[name]
    check = crosscheck_files(*pair(tmp_path, edits), data=DATA)
    assert not check.ok
    assert caught <= {(row.what, row.where) for row in check.rows if not row.ok}, check.text()
    assert "NOT the same model" in check.text()


def test_half_cauchy_against_cauchy_differs_by_log_2(tmp_path):
    check = crosscheck(*pair(tmp_path, BUGS["Cauchy for HalfCauchy"][0]), data=DATA)
    (row,) = (r for r in check.rows if (r.what, r.where) == ("log density", "scale"))
    assert float(row.left) - float(row.right) == pytest.approx(np.log(2))


def test_a_model_that_raises_is_a_row(tmp_path):
    check = crosscheck(*pair(tmp_path, ((" ** 0.5", " + nowhere"),)), data=DATA)
    assert not check.ok
    (row,) = check.rows
    assert row.what == "runs"
    assert "b.py (numpyro): NameError: name 'nowhere' is not defined" in row.left


def test_the_order_of_sites_may_differ(tmp_path):
    lines = MODEL.splitlines()
    scale, slope = (next(i for i, line in enumerate(lines) if f"    {w} =" in line) for w in ("scale", "slope"))
    swapped = list(lines)
    swapped[scale], swapped[slope] = lines[slope], lines[scale]
    check = crosscheck(*pair(tmp_path, ((MODEL, "\n".join(swapped)),)), data=DATA)
    assert check.ok, check.text()


@pytest.mark.parametrize("name", zoo.names())
def test_every_model_of_the_zoo_is_one_model(name):
    check = crosscheck(name)
    assert check.ok, check.text()
    assert any(row.what == "log density in exact.py" for row in check.rows)


def test_exact_py_is_a_third_opinion(monkeypatch):
    model = zoo.model("height_bayes", known_sd=0.05)
    assert crosscheck(model).ok
    true = model.exact.log_joint
    monkeypatch.setattr(
        model.exact,
        "log_joint",
        lambda *a, **k: {n: v + 1e-6 * (n == "loc") for n, v in true(*a, **k).items()},
    )
    wrong = [(r.what, r.where) for r in crosscheck(model).rows if not r.ok]
    assert wrong == [("log density in exact.py", "loc")]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_a_disagreement_with_itself(value):
    both = np.array([1.0, value])
    row = rows.numbers("log density", "x", both, both, np.ones(2))
    assert not row.ok
    (_, density) = rows.densities("log density", {"x": both}, {"x": both})
    assert not density.ok


def test_tolerances_are_what_they_say():
    one = np.ones(1)
    (_, inside) = rows.densities("log density", {"x": 1e3 * one}, {"x": 1e3 * (one + 0.9e-9)})
    (_, outside) = rows.densities("log density", {"x": 1e3 * one}, {"x": 1e3 * (one + 1.1e-9)})
    assert inside.ok
    assert not outside.ok
    assert rows.gradient("x", one[None], one[None] + 0.9e-8, one, 10, 4.0).ok
    assert not rows.gradient("x", one[None], one[None] + 1.1e-8, one, 10, 4.0).ok


def test_rounding_of_a_small_component_is_allowed_for_and_no_more():
    """10 terms of at most 4² times the largest component, 1e3, each rounded to 2.2e-16: 3.6e-11."""
    none, largest = np.zeros((1, 1)), np.full(1, 1e3)
    assert rows.gradient("x", none, none + 3.5e-11, largest, 10, 4.0).ok
    assert not rows.gradient("x", none, none + 3.6e-11, largest, 10, 4.0).ok
    assert not rows.gradient("x", none, none + 3.5e-11, largest, 9, 4.0).ok


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("gmm", "names no model in a file; write FILE.py:FUNCTION"),
        ("missing.py:model", "there is no file 'missing.py'"),
        ("{}/none.py:model", "imports neither pyro nor numpyro"),
        ("{}/both.py:model", "imports numpyro and pyro; import one of them"),
        ("{}/broken.py:model", "broken.py, line 1"),
        ("{}/lost.py:model", "cannot be imported: No module named 'nowhere'"),
        ("{}/a.py:other", "has no function 'other'"),
    ],
)
def test_a_file_that_cannot_be_used_says_why_in_one_line(tmp_path, spec, message):
    for name, text in {
        "none.py": "import numpy",
        "both.py": "import pyro, numpyro",
        "broken.py": "def model(:",
        "lost.py": "import pyro\nimport nowhere",
        "a.py": HEADERS["pyro"] + MODEL,
    }.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=message.replace("(", r"\(")) as caught:
        crosscheck_files(f"{tmp_path / 'a.py'}:model", spec.format(tmp_path), data=DATA)
    assert "\n" not in str(caught.value)
