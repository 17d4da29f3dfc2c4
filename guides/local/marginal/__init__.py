"""The discrete local latents are summed out of the model: q has no local site, and its ELBO no local gap.

    log p(xᵢ) = log Σ_z p(xᵢ, z)

The sum is the library's parallel enumeration, `TraceEnum_ELBO`.
"""

from guides.local import Treatment

TREATMENT = Treatment(summary="summed out (enumerated)", enumerated=True)
