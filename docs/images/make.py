"""Make the pictures of the README and the docs from real runs: `python docs/images/make.py`."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

import zoo
from zoo.report.comparison import figure
from zoo.report.densities import Mixture, mixture
from zoo.report.style import save

HERE = Path(__file__).parent
AXES = ("duration of the eruption (min)", "waiting time to the next (min)")


def old_faithful() -> Path:
    """Fit two components to Old Faithful; draw rows by responsibility, ellipses and contours."""
    run = zoo.fit("gmm", K=2)
    x, tril = run.data["x"], run.params["scale_tril"]
    covariance = tril @ tril.mT + run.model.options["floor"] * np.eye(2)
    (low, high), pad = (x.min(0), x.max(0)), 0.2 * np.ptp(x, 0)
    a, b = (np.linspace(low[i] - pad[i], high[i] + pad[i], 120) for i in (0, 1))
    grid = np.stack(np.meshgrid(a, b), -1).reshape(-1, 2)
    height = np.asarray(run.log_likelihood(grid).value).reshape(120, 120)
    fitted = Mixture(run.params["loc"], covariance, run.posterior().probs)
    return small(mixture(x, fitted, (a, b, height), *AXES), "old-faithful.png")


def gaps() -> Path:
    """Compare every guide on ten heights; draw their gaps to the evidence."""
    return small(figure(zoo.compare("height_bayes", backends="numpyro", seeds=3)), "guides.png")


def small(drawn: Figure | None, name: str) -> Path:
    """Save a figure with 128 colours."""
    assert drawn is not None
    path = save(drawn, HERE / name)
    Image.open(path).convert("RGB").quantize(128).save(path, optimize=True)
    return path


if __name__ == "__main__":
    print(old_faithful().name, gaps().name)
