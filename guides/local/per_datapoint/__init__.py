"""A free φᵢ for every row: q(zᵢ) = q(z; φᵢ), the lectures' O(m) parameters. In the literature: F-VI.

The table of φ is unconstrained and lies outside SVI's parameters. `zoo.fit` hands in the rows of a batch as the
parameter "local.phi", and a row-wise Adam moves those rows alone (guides/optim). In the libraries' stock `SVI` the
whole table is that parameter: right, at a cost of all rows a step, and for batches of all rows only.

Once the rest is learnt, `zoo.fit` lets each row's φ climb alone until its ELBO no longer rises (`zoo.settle`),
unless it is asked not to finish.

`row_steps` gradient steps are taken on φᵢ at each visit of row i, the last one together with everything else.
"""

from guides.local import Treatment

TREATMENT = Treatment(summary="φᵢ free for every row (F-VI)", by_row=True, table=True, options={"row_steps": 1})
