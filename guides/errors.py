"""The error of a guide that cannot be built: one line that says what, where, and the remedy."""


class GuideError(ValueError):
    """A guide was asked for that is unknown, or that cannot serve this model."""
