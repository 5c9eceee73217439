"""The images that a run trains on and validates on: hold-outs and subsets of the training split."""

import logging
from dataclasses import replace

import numpy as np
import torch

from normreg.config.condition import Condition
from normreg.data.dataset import Dataset
from normreg.data.pixels import mean_and_std
from normreg.training import draws

log = logging.getLogger("normreg")
_FOR_ALL_SEEDS = 0  # the seed of the hold-out


def of_run(data: Dataset, condition: Condition, seed: int) -> Dataset:
    """The data as training sees them: `train_*` is what it trains on, and `test_*` what it validates on.

    With a hold-out the official test split is not among them. A hold-out is the same for all conditions and seeds. It
    is taken away first. A subset is the same for all conditions of a seed, and a smaller subset is a part of a larger
    one. Both have each class as often as the training split has it, to within one image. Images stay in their order.

    If the data set does not say how pixels are normalised, `normalise` gets the means and standard deviations of the
    training split without the hold-out. They do not depend on the subset or the seed.

    Args:
        data: the whole data set. It has enough images, see `normreg.config.sizes.check`.
        condition: the settings of the run.
        seed: the seed of the run.

    Raises:
        DataError: all pixels of a channel are equal, so that there is no standard deviation to divide by.
    """
    kept, wanted = np.arange(len(data.train_labels)), condition["train_images"]
    if condition["holdout_images"]:
        held, kept = _hold_out(data, condition["holdout_images"])
        images, labels = data.train_images[held], data.train_labels[held]
        data = replace(data, test_images=images, test_labels=labels, test_files=())
    if np.isnan(data.normalise).any():
        data = replace(data, normalise=mean_and_std(data.train_images[kept]))
    if isinstance(wanted, int):
        order = stratified_order(data.train_labels[kept], draws.generator(seed, draws.SUBSET))
        kept = kept[np.sort(order[:wanted])]
    if len(kept) == len(data.train_labels):
        return data
    left, there = (len(np.unique(labels)) for labels in (data.train_labels[kept], data.train_labels))
    if left < there:
        log.warning("training has images of %d of the %d classes: too few images are left for the others", left, there)
    return replace(data, train_images=data.train_images[kept], train_labels=data.train_labels[kept], train_files=())


def holdout(data: Dataset, images: int) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Images, labels and files of the hold-out of `images` images."""
    held, _ = _hold_out(data, images)
    files = tuple(data.train_files[image] for image in held) if data.train_files else ()
    return data.train_images[held], data.train_labels[held], files


def stratified_order(labels: np.ndarray, generator: torch.Generator) -> np.ndarray:
    """A random order of images, int64 (N,), of which every beginning has all classes in proportion.

    The images of a class are shuffled and spread evenly over the order, from a random start. So each class occurs in
    the first k images as often as in all, to within one image.
    """
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        shuffled = members[torch.randperm(len(members), generator=generator).numpy()]
        start = torch.rand((), generator=generator, dtype=torch.float64).item()
        place[shuffled] = (np.arange(len(members)) + start) / len(members)
    return np.argsort(place, kind="stable")


def _hold_out(data: Dataset, images: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the images in the hold-out and of all others, each in order."""
    order = stratified_order(data.train_labels, draws.generator(_FOR_ALL_SEEDS, draws.HOLDOUT))
    return np.sort(order[:images]), np.sort(order[images:])
