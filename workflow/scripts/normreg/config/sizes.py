"""How many images a condition trains on, of those that a training split has."""

from collections.abc import Mapping

from normreg.config import study_files
from normreg.config.condition import Condition
from normreg.data.specs import DatasetSpec
from normreg.errors import ConfigError


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
