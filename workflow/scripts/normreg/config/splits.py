"""How many ghost batches a condition really has on a data set, which can be fewer than its `num_splits`."""

from typing import TypedDict

from normreg.config.condition import Condition
from normreg.config.factors import NORMS
from normreg.models.batches import batch_bounds, usable_splits


class SplitsUsed(TypedDict):
    """Ghost batches in the batches of an epoch: in the `last` one, and in each before it (`full`).

    Where an epoch is one batch, it is both.
    """

    full: int
    last: int


def splits_used(condition: Condition, train_images: int) -> SplitsUsed:
    """What `num_splits` comes to with this many training images; 1 and 1 for a norm without ghost batches."""
    full, last = _sizes(condition, train_images)
    asked = _asked(condition)
    return {"full": usable_splits(full, asked), "last": usable_splits(last, asked)}


def fewer_splits(condition: Condition, train_images: int) -> str | None:
    """In words, where ghost batches are fewer than asked for; None where they are not."""
    asked, used = _asked(condition), splits_used(condition, train_images)
    full, last = _sizes(condition, train_images)
    parts = []
    if used["full"] < asked:
        parts.append(f"a batch of {full} images has {used['full']}")
    if used["last"] < asked and last != full:
        parts.append(f"the last batch of an epoch, of {last} images, has {used['last']}")
    return f"{asked} ghost batches asked for; {'; '.join(parts)}" if parts else None


def _asked(condition: Condition) -> int:
    """A norm that the table lacks has the splits it says."""
    norm = NORMS.get(condition["norm"])
    return condition["num_splits"] if norm is None or norm.splits else 1


def _sizes(condition: Condition, train_images: int) -> tuple[int, int]:
    """Images in an epoch's first batch and in its last."""
    bounds = batch_bounds(train_images, condition["batch_size"])
    (start, stop), (last_start, last_stop) = bounds[0], bounds[-1]
    return stop - start, last_stop - last_start
