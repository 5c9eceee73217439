"""How many images a batch has, and how many ghost batches. Arithmetic: no import here needs PyTorch."""


def batch_bounds(images: int, batch_size: int) -> list[tuple[int, int]]:
    """Start and stop (exclusive) of each batch. A last batch of one image is joined to the batch before it.

    The reason: batch normalisation needs more than one value per channel in training.
    """
    starts = list(range(0, images, batch_size))
    if len(starts) > 1 and images - starts[-1] == 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], images], strict=True))


def usable_splits(batch_size: int, num_splits: int) -> int:
    """The number of ghost batches that a batch of this size is really split into.

    It is the largest s <= num_splits that divides batch_size and leaves at least two samples in each ghost batch. It is
    1 if there is no such number.
    """
    for splits in range(num_splits, 1, -1):
        if batch_size % splits == 0 and batch_size // splits >= 2:
            return splits
    return 1
