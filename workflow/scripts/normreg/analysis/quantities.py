"""The one table of measured quantities: the columns of metrics.csv and summary.csv.

Tables and figures choose which quantities they show. Names, units, digits and which way is better are only here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

PERCENT, POINTS, CROSS_ENTROPY, SHARE = "%", "points", "cross-entropy", "share"
ACCURACY, LOSS = "accuracy", "loss"  # families


class Better(StrEnum):
    """Which values of a quantity are better."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


@dataclass(frozen=True)
class Quantity:
    """A column of metrics.csv (one value an epoch) or of summary.csv (one value a run).

    Attributes:
        key: the column's name.
        name: its name in tables and on axes.
        unit: the unit of its values.
        better: which values are better.
        digits: digits after the point.
        difference_digits: digits after the point of a difference of two conditions.
        flags: "+" shows the sign of every value, "," groups thousands.
        heading: the heading of a table or panel of differences.
        phrase: the heading of a panel of values.
        course: the column of metrics.csv from which a column of summary.csv is computed.
        family: what it measures, which is the key of a study's `margin` and `judge`.
    """

    key: str
    name: str
    unit: str
    better: Better
    digits: int
    difference_digits: int = 0
    flags: str = ""
    heading: str = ""
    phrase: str = ""
    course: str = ""
    family: str = ""

    @property
    def label(self) -> str:
        """Its name as the heading of a column: "final accuracy %"."""
        return f"{self.name} %" if self.percent else self.name

    @property
    def title(self) -> str:
        """Its name as the label of an axis: "validation loss (cross-entropy)"."""
        return f"{self.name} ({self.unit})"

    @property
    def percent(self) -> bool:
        """Whether it is an accuracy, at most 100."""
        return self.unit == PERCENT

    @property
    def margin(self) -> str:
        """The key of a study's `margin` that applies to a difference."""
        return self.family or (ACCURACY if self.percent else LOSS)

    @property
    def difference_unit(self) -> str:
        """The unit of a difference."""
        return POINTS if self.percent else "nats" if self.unit == CROSS_ENTROPY else self.unit

    @property
    def better_up(self) -> bool:
        """Whether larger is better."""
        return self.better is Better.HIGHER

    def write(self, value: float) -> str:
        """`value` as tables and labels show it."""
        return f"{value:{self.flags}.{self.digits}f}"

    def write_difference(self, value: float) -> str:
        """A difference with its sign. The minus is as wide as a plus."""
        return f"{value:+.{self.difference_digits}f}".replace("-", "−")


def _accuracy(key: str, name: str, digits: int = 2, **more: Any) -> Quantity:
    return Quantity(key, name, PERCENT, Better.HIGHER, digits, **more)


def _loss(key: str, name: str, **more: Any) -> Quantity:
    return Quantity(key, name, CROSS_ENTROPY, Better.LOWER, digits=4, **more)


def _saved(key: str, name: str, better: Better = Better.HIGHER) -> Quantity:
    """A quantity of the saved model's predictions of the test images, which is a family of its own."""
    unit, digits, more = (PERCENT, 2, 3) if better is Better.HIGHER else (SHARE, 4, 5)
    phrase = f"{name} of the saved model on the test split"
    return Quantity(key, name, unit, better, digits, more, heading=phrase, phrase=phrase, family=key)


_EPOCH = (  # metrics.csv
    Quantity("learning_rate", "learning rate", "", Better.NEITHER, digits=4),
    _loss("train_objective", "training objective"),
    _loss("train_loss", "training loss"),
    _accuracy("train_accuracy", "training accuracy"),
    _loss("validation_loss", "validation loss"),
    _accuracy("validation_accuracy", "validation accuracy"),
    Quantity("seconds", "seconds", "s", Better.LOWER, digits=0),
)
_ACCURACY, _LOSS = "validation_accuracy", "validation_loss"
_RUN = (  # summary.csv, besides train_accuracy and seconds
    _accuracy(
        "final_accuracy",
        "final accuracy",
        difference_digits=3,
        heading="accuracy at the last epoch",
        phrase="accuracy at the last epoch",
        course=_ACCURACY,
    ),
    _accuracy("best_accuracy", "best accuracy", course=_ACCURACY),
    Quantity("diverged_epoch", "diverged in epoch", "epochs", Better.NEITHER, digits=0),
    Quantity("best_epoch", "at epoch", "epochs", Better.NEITHER, digits=0),
    _accuracy(
        "last5_accuracy",
        "last-five accuracy",
        digits=3,
        difference_digits=3,
        heading="accuracy, mean of the last five epochs",
        phrase="mean accuracy of the last five epochs",
        course=_ACCURACY,
    ),
    Quantity("mistakes", "mistakes", "images", Better.LOWER, digits=0),
    _accuracy(
        "test_accuracy",
        "test accuracy",
        difference_digits=3,
        heading="accuracy of the saved model on the test split",
        phrase="accuracy of the saved model on the test split",
    ),
    _loss(
        "test_loss",
        "test loss",
        difference_digits=5,
        heading="loss of the saved model on the test split",
        phrase="loss of the saved model on the test split",
    ),
    _saved("balanced_accuracy", "balanced accuracy"),
    _saved("macro_f1", "macro F1"),
    _saved("top5_accuracy", "top-5 accuracy"),
    _saved("calibration_error", "expected calibration error", Better.LOWER),
    _saved("brier_score", "Brier score", Better.LOWER),
    _loss(
        "final_loss",
        "final loss",
        difference_digits=5,
        heading="loss at the last epoch",
        phrase="loss at the last epoch",
        course=_LOSS,
    ),
    _loss("best_loss", "best loss", course=_LOSS),
    _loss(
        "last5_loss",
        "last-five loss",
        difference_digits=5,
        heading="loss, mean of the last five epochs",
        phrase="mean loss of the last five epochs",
        course=_LOSS,
    ),
    Quantity("generalization_gap", "gap", POINTS, Better.NEITHER, digits=2, flags="+"),
    Quantity("first_epoch_at_target", "target at epoch", "epochs", Better.LOWER, digits=0),
    Quantity("images_per_second", "images/s", "images/s", Better.HIGHER, digits=0, flags=","),
)
EPOCH_QUANTITIES: Mapping[str, Quantity] = {quantity.key: quantity for quantity in _EPOCH}
QUANTITIES: Mapping[str, Quantity] = {quantity.key: quantity for quantity in (*_EPOCH, *_RUN)}

_LONG = 25  # epochs; in a shorter run the last five epochs may still be far apart


EFFECT_QUANTITIES = (("last5_accuracy", "last5_loss"), ("final_accuracy", "final_loss"), ("test_accuracy", "test_loss"))


def effect_quantities(shortest: int, saved: bool = False) -> tuple[str, str]:
    """The accuracy and the loss whose effects are estimated, one of `EFFECT_QUANTITIES`.

    The mean of the last five epochs has less noise than the last epoch. But in a short run it also measures how fast a
    condition learns.

    Args:
        shortest: the epochs of the study's shortest condition.
        saved: whether they must be of the saved model on the test split. A hold-out has only those, and so has a study
            without validation in each of the last five epochs.
    """
    if saved:
        return EFFECT_QUANTITIES[2]
    return EFFECT_QUANTITIES[0 if shortest >= _LONG else 1]
