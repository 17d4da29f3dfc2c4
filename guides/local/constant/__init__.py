"""One φ for all rows: q(zᵢ) = q(z; φ). The floor that every treatment that looks at xᵢ should clear."""

from guides.local import Treatment

TREATMENT = Treatment(summary="one φ for all rows", by_row=True)
