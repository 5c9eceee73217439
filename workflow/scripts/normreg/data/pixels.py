"""Means and standard deviations of pixels."""

import numpy as np

from normreg.errors import DataError

_AT_ONCE = 1000  # images; NumPy counts in integers of 8 bytes
_GRAYS = np.arange(256)


def mean_and_std(images: np.ndarray) -> np.ndarray:
    """The mean and the standard deviation of each channel, for pixels of 0 to 1.

    Sums are exact, so the result is the same on every machine. The standard deviation is that of all these pixels
    (divided by their number, not by one less).

    Args:
        images: uint8 (N, H, W) or (N, C, H, W), at least one.

    Returns:
        float64 (2, C): row 0 has the means, row 1 the standard deviations.

    Raises:
        DataError: all pixels of a channel are equal, so there is nothing to divide by.
    """
    channels = [images] if images.ndim == 3 else [images[:, channel] for channel in range(images.shape[1])]
    return np.array([_of_channel(pixels, number) for number, pixels in enumerate(channels)]).T


def _of_channel(pixels: np.ndarray, number: int) -> tuple[float, float]:
    counts = np.zeros(256, dtype=np.int64)
    for start in range(0, len(pixels), _AT_ONCE):
        counts += np.bincount(pixels[start : start + _AT_ONCE].ravel(), minlength=256)
    total, first, second = (int(power @ counts) for power in (_GRAYS**0, _GRAYS, _GRAYS**2))
    spread = total * second - first**2  # exact: a Python integer has no largest value
    if spread == 0:
        raise DataError(
            f"channel {number}: all pixels of the training images have the value {first // total}, so they cannot be "
            "normalised by their standard deviation; expected images that differ. Give `normalise` in the file of the "
            "data set, with a standard deviation above 0."
        )
    return first / total / 255, float(np.sqrt(spread / total**2)) / 255
