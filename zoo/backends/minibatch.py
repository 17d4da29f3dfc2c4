"""What the backends share of models that are called with some of the rows."""

from __future__ import annotations

from zoo.errors import UserError


def own_minibatch(plate: str) -> UserError:
    """Return the refusal of a model that draws rows by itself."""
    return UserError(
        f"the model draws its own minibatch in plate {plate!r}; write plate({plate!r}, len(x)), and give batch_size= "
        "to zoo.fit"
    )
