"""Where learning starts is a few units from where it ends, however narrow the posterior is."""

import numpy as np

import zoo


def test_many_series_leave_the_start_within_reach():
    """With the posterior's sd as the unit, 20,000 series would be hundreds of units away: Adam moves 0.02 per step."""
    model = zoo.model("hmm_bayes", emission="poisson", K=3, T=20)
    data, truth = model.simulate(1, 20_000), model.truth(1)
    bound = model.bind(data)
    for seed in range(5):
        found = bound.start(data, np.random.default_rng(seed))["rate"]
        order, true = np.argsort(found.value[:, 0]), np.argsort(truth["rate"][:, 0])
        away = np.log(found.value[order, 0] / truth["rate"][true, 0]) / found.spread[order, 0]
        assert np.abs(away).max() < 20, seed
