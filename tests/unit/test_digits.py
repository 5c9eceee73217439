"""scikit-learn's digits in the clothes of MNIST."""

from pathlib import Path

import numpy as np
import pytest

from normreg.data import digits, sources
from normreg.data.dataset import Dataset
from normreg.data.specs import DATASETS


@pytest.fixture(scope="module")
def real_digits() -> Dataset:
    return sources.prepare(DATASETS["digits"], "/absent", Path("/absent"))


def test_digits_are_those_of_scikit_learn_in_order(real_digits: Dataset) -> None:
    from sklearn.datasets import load_digits

    target = load_digits().target
    assert real_digits.train_images.shape == (906, 28, 28)
    assert real_digits.test_images.shape == (891, 28, 28)
    assert real_digits.train_images.dtype == real_digits.train_labels.dtype == np.uint8
    np.testing.assert_array_equal(real_digits.train_labels, target[:906])
    np.testing.assert_array_equal(real_digits.test_labels, target[906:])
    assert np.bincount(real_digits.train_labels).tolist() == [91, 91, 91, 92, 90, 91, 90, 90, 90, 90]
    assert real_digits.class_names[0] == "0 (zero)"


def test_digits_are_the_same_on_every_machine(real_digits: Dataset) -> None:
    assert real_digits.digest().startswith("d6f65a9d7f3a")


def test_digits_lie_like_mnist(real_digits: Dataset) -> None:
    images = real_digits.train_images.astype(float)
    assert images.max() == 255
    for axis in (1, 2):
        profile = images.sum(axis=3 - axis)
        centre = profile @ np.arange(28) / profile.sum(axis=1)
        assert np.abs(centre - 14).max() <= 0.5
    border = np.ones((28, 28), dtype=bool)
    border[1:-1, 1:-1] = False
    assert images[:, border].max() == 0


def test_a_digit_scaled_by_hand() -> None:
    """One white pixel at (3, 3): rows 3 of 8 are nearest to pixels 6 to 10 of 20, at -.9, -.5, -.1, .3, .7 pixels.

    Pixel i of 20 lies at (4 i - 3) / 10: pixels 6 to 10 at 2.1, 2.5, 2.9, 3.3, 3.7, which gives the weights .1, .5, .9,
    .7, .3 with centre of mass 8.24; the shift to 14 is 5.76, so 6, and the peak of pixel 8 comes to 14.
    """
    image = np.zeros((1, 8, 8), dtype=np.uint8)
    image[0, 3, 3] = 16
    weights = np.array([0.1, 0.5, 0.9, 0.7, 0.3])
    expected = np.zeros((28, 28))
    expected[12:17, 12:17] = np.floor(np.outer(weights, weights) * 255 + 0.5 + 1e-9)
    np.testing.assert_array_equal(digits.enlarge(image)[0], expected)
    assert expected[14, 14] == 207  # .81 * 255 = 206.55


def test_digits_stay_upright_and_keep_their_grays() -> None:
    image = np.zeros((1, 8, 8), dtype=np.uint8)
    image[0, :, 0] = 8  # a gray stroke down the left
    image[0, 0, :] = 16  # a white bar along the top
    large = digits.enlarge(image)[0]
    rows, columns = (np.flatnonzero(large.any(axis=axis)) for axis in (1, 0))
    box = large[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert box.shape == (20, 20)
    assert (box[0] == 255).all()
    assert box[-1, 0] == 128  # half of 255, rounded up
    assert box[-1, -1] == 0


def test_an_image_is_never_cut() -> None:
    image = np.zeros((1, 8, 8), dtype=np.uint8)
    image[0, 7, 7] = 16  # the centre of mass asks for a negative shift
    assert np.count_nonzero(digits.enlarge(image)[0]) == 4 * 4
    assert np.count_nonzero(digits.enlarge(image[:, ::-1, ::-1])[0]) == 4 * 4
