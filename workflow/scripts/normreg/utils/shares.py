"""Divides images into a training and a test split, each with all classes in proportion. Always in the same way."""

import numpy as np


def test_images(images: int, share: float) -> int:
    """How many of the `images` images of a class become test images: their share, rounded. One at least stays."""
    return min(int(images * share + 0.5), images - 1)


def divide(labels: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the training images and of the test images, each int64 and in order.

    Each class gives `test_images` of its images. Which ones depends on nothing but the labels and the share:
    `RandomState` is the generator whose numbers NumPy has promised never to change.

    Args:
        labels: integers (N,).
        share: 0 to 1.
    """
    random = np.random.RandomState(0)
    drawn = [np.empty(0, dtype=np.int64)]
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        drawn.append(random.permutation(members)[: test_images(len(members), share)])
    test = np.sort(np.concatenate(drawn))
    return np.setdiff1d(np.arange(len(labels)), test), test
