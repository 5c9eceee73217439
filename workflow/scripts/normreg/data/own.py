"""What is found in the files of one's own data set before any job, and the checks that are the same for all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from normreg.errors import DataError

SIDES = (8, 96)  # the smallest and the largest height and width, in pixels
CLASSES = (2, 1000)


@dataclass(frozen=True)
class Facts:
    """Shape, classes and numbers of images of a data set.

    Attributes:
        shape: channels, height and width.
        class_names: one text for each class.
        train_counts: the number of training images of each class.
        test_counts: the same of test images.
    """

    shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    train_counts: Sequence[int]
    test_counts: Sequence[int]


def check_shape(shape: tuple[int, int, int], what: str) -> None:
    """Refuses images that are too small or too large.

    Raises:
        DataError: the message begins with `what`.
    """
    low, high = SIDES
    if not all(low <= side <= high for side in shape[1:]):
        raise DataError(
            f"{what}: has {shape[1]} x {shape[2]} pixels (height x width), expected {low} to {high} each; resize the "
            "images (a folder of images is resized by the key `size`)."
        )


def check_number(classes: int, what: str) -> None:
    """Refuses too few and too many classes.

    Raises:
        DataError: the message begins with `what`.
    """
    low, high = CLASSES
    if not low <= classes <= high:
        raise DataError(f"{what}: has {classes:,} class{'' if classes == 1 else 'es'}, expected {low} to {high:,}.")


def check_counts(facts: Facts, what: str) -> None:
    """Refuses a class that is not trained, and a test split of one class.

    Raises:
        DataError: the message begins with `what`.
    """
    for name, train, test in zip(facts.class_names, facts.train_counts, facts.test_counts, strict=True):
        if not train:
            also = f", but {test} test images" if test else ""
            raise DataError(
                f"{what}: class '{name}' has no training image{also}; expected one at least for each class. Add some, "
                "or take the class out (labels count from 0, without a gap)."
            )
    tested = sum(count > 0 for count in facts.test_counts)
    if tested < 2:
        raise DataError(
            f"{what}: the test split has images of {tested} class{'' if tested == 1 else 'es'}, expected 2 at least. "
            "Add test images, or give a larger test_share."
        )


def check_test_share(test_share: float | None, tested: bool, what: str) -> None:
    """Refuses a source that has a test split and `test_share`, or none of them.

    Raises:
        DataError: the message begins with `what`.
    """
    if tested and test_share is not None:
        raise DataError(f"{what}: has a test split, so `test_share` has no use; leave it out.")
    if not tested and test_share is None:
        raise DataError(
            f"{what}: has no test split; give it one, or give `test_share: 0.2`, which takes a fifth of the images of "
            "each class away from training."
        )
