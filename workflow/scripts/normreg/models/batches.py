"""How many images a batch has, and how many ghost batches. Arithmetic: no import here needs PyTorch."""


def batch_bounds(images: int, batch_size: int) -> list[tuple[int, int]]:
    """First and last-plus-one position of each batch; a last batch of one image joins the batch before it."""
    starts = list(range(0, images, batch_size))
    if len(starts) > 1 and images - starts[-1] == 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], images], strict=True))


def usable_splits(batch_size: int, num_splits: int) -> int:
    """The largest s <= num_splits that divides batch_size into ghost batches of two samples or more; 1 if none does."""
    for splits in range(num_splits, 1, -1):
        if batch_size % splits == 0 and batch_size // splits >= 2:
            return splits
    return 1
