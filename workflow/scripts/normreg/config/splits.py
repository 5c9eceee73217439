"""How many ghost batches a condition really has on a data set. It can have fewer than its `num_splits`."""

from typing import TypedDict

from normreg.config.condition import Condition
from normreg.config.sizes import trained_images
from normreg.models.batches import batch_bounds, usable_splits


class SplitsUsed(TypedDict):
    """Number of ghost batches in the `last` batch of an epoch, and in each batch before it (`full`).

    If an epoch has only one batch, both numbers are of that batch.
    """

    full: int
    last: int


def splits_used(condition: Condition, train_images: int) -> SplitsUsed:
    """How many ghost batches there are, if the training split has `train_images` images.

    A norm without ghost batches has 1 and 1: `resolve` has set its `num_splits` to 1.
    """
    full, last = _sizes(condition, train_images)
    asked = condition["num_splits"]
    return {"full": usable_splits(full, asked), "last": usable_splits(last, asked)}


def fewer_splits(condition: Condition, train_images: int) -> str | None:
    """Says where ghost batches are fewer than asked for. None if they are not."""
    asked, used = condition["num_splits"], splits_used(condition, train_images)
    full, last = _sizes(condition, train_images)
    parts = []
    if used["full"] < asked:
        parts.append(f"a batch of {full} images has {used['full']}")
    if used["last"] < asked and last != full:
        parts.append(f"the last batch of an epoch, of {last} images, has {used['last']}")
    return f"{asked} ghost batches asked for; {'; '.join(parts)}" if parts else None


def _sizes(condition: Condition, train_images: int) -> tuple[int, int]:
    """Number of images in the first and in the last batch of an epoch."""
    bounds = batch_bounds(trained_images(condition, train_images), condition["batch_size"])
    (start, stop), (last_start, last_stop) = bounds[0], bounds[-1]
    return stop - start, last_stop - last_start
