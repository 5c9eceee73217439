"""How many images a condition trains on, of those that a training split has, and in how many ghost batches."""

from collections.abc import Mapping

from normreg.config import study_files
from normreg.config.condition import Condition
from normreg.data.specs import DatasetSpec
from normreg.errors import ConfigError
from normreg.models.shapes import batch_bounds, usable_splits


def trained_images(condition: Condition, split: int) -> int:
    """The images that a condition trains on, if the training split has `split` images."""
    wanted = condition["train_images"]
    return wanted if isinstance(wanted, int) else split - condition["holdout_images"]


def check(study: str, conditions: Mapping[str, Condition], data: DatasetSpec) -> None:
    """Refuses a study that needs more images than a data set has.

    Raises:
        ConfigError: the hold-out leaves too few images, or a condition trains on more than there are.
    """
    for name, condition in conditions.items():
        holdout = condition["holdout_images"]
        left = data.train_images - holdout
        if left < 2:
            raise ConfigError(
                f"{study_files.path_of(study)}: key 'holdout_images': found {holdout}, but the training split of "
                f"{data.name} has {data.train_images} images; expected {data.train_images - 2} at most."
            )
        if trained_images(condition, data.train_images) > left:
            without = f" without the hold-out of {holdout}" if holdout else ""
            raise ConfigError(
                f"{study_files.path_of(study)}: condition {name}: found train_images {condition['train_images']}, but "
                f"the training split of {data.name} has {left} images{without}; take {left} at most, or all."
            )


def splits_used(condition: Condition, train_images: int) -> dict[str, int]:
    """How many ghost batches there are, if the training split has `train_images` images.

    The number of the `last` batch of an epoch, and of each batch before it (`full`). If an epoch has only one batch,
    both are of that batch. They can be fewer than the condition's `num_splits`. A norm without ghost batches has 1 and
    1: `resolve` has set its `num_splits` to 1.
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
