"""scikit-learn's handwritten digits (8x8 pixels, 17 grays), made to look like MNIST.

Each image is scaled to 20x20 pixels. It is then placed, by whole pixels, so that its centre of mass is in the middle of
28x28. MNIST's digits were made in the same way. All arithmetic is in integers, so the result is the same on every
machine.
"""

import numpy as np

from normreg.data.dataset import Dataset
from normreg.data.specs import DATASETS

_SPEC = DATASETS["digits"]
_SMALL, _SCALED, _SIZE = 8, 20, _SPEC.shape[1]
_WHITE = 16  # largest gray value of scikit-learn's images


def load() -> Dataset:
    """Loads scikit-learn's digits. The first ones are the training split, the others the test split."""
    from sklearn.datasets import load_digits  # imported here because it takes a second

    bunch = load_digits()
    images, labels = enlarge(bunch.images.astype(np.uint8)), bunch.target.astype(np.uint8)
    train = _SPEC.train_images
    return Dataset.of(_SPEC, images[:train], labels[:train], images[train:], labels[train:])


def enlarge(images: np.ndarray) -> np.ndarray:
    """Turns images (N, 8, 8) of 0 to 16 into uint8 (N, 28, 28) of 0 to 255. No image may be all zero."""
    return np.stack([_centre(image) for image in _scale(images)])


def _scale(images: np.ndarray) -> np.ndarray:
    """Scales (N, 8, 8) with values 0 to 16 to (N, 20, 20) with values 0 to 255: bilinear, halves rounded up."""
    weights = _tenths()
    sums = weights @ images.astype(np.int64) @ weights.T  # 100 times the interpolated gray
    largest = 100 * _WHITE
    scaled: np.ndarray = (2 * 255 * sums + largest) // (2 * largest)
    return scaled


def _tenths() -> np.ndarray:
    """Bilinear weights (20, 8) in tenths. The centre of pixel i of 20 is at (4 i - 3) / 10 in pixels of 8."""
    weights = np.zeros((_SCALED, _SMALL), dtype=np.int64)
    for i in range(_SCALED):
        left, tenths = divmod(4 * i - 3, 10)
        weights[i, max(left, 0)] += 10 - tenths
        weights[i, min(left + 1, _SMALL - 1)] += tenths
    return weights


def _centre(image: np.ndarray) -> np.ndarray:
    """Places (20, 20) in the middle of (28, 28). As in MNIST, the middle is pixel 14 of 0 to 27 in both directions."""
    top, left = (_offset(image.sum(axis=axis)) for axis in (1, 0))
    out = np.zeros((_SIZE, _SIZE), dtype=np.uint8)
    out[top : top + _SCALED, left : left + _SCALED] = image
    return out


def _offset(profile: np.ndarray) -> int:
    """The shift that brings the centre of mass of `profile` (20,) nearest to pixel 14, without cutting anything off."""
    mass, moment = int(profile.sum()), int(profile @ np.arange(_SCALED))
    nearest = (2 * (_SIZE // 2 * mass - moment) + mass) // (2 * mass)
    return min(max(nearest, 0), _SIZE - _SCALED)
