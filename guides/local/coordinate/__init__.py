"""A model's own coordinate ascent: q(zᵢ) climbs row by row, by updates in closed form, at the current parameters.

The model brings the updates (`coordinate_pyro.py`, `coordinate_numpyro.py` in its folder), and says what q is and what
its ELBO is. At its top the ELBO does not change with q, so that its gradient in the model's parameters and global
latents is that at a fixed q: variational EM, or with minibatches stochastic variational inference (Hoffman and others,
2013). Nothing is learnt of a row, and a new one is climbed when it comes.
"""

from guides.local import Treatment

TREATMENT = Treatment(summary="climbed by the model's own updates", supplied=True)
