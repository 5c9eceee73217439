"""Classes of one's own image files, from a saved model: python -m normreg.predict CHECKPOINT IMAGE...

Prints CSV: image, rank, class, confidence in percent. Images are made as in training: gray or colour, resized by
Pillow's bilinear filter if their size differs, and normalised with the numbers that are saved in the checkpoint. A
network in Python is built from its file, so run this where `config/networks` is.
"""

import argparse
import csv
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from normreg.errors import DataError, NormregError
from normreg.models.description import DataShape
from normreg.training import checkpoint, evaluation
from normreg.utils import pictures


class Prediction(NamedTuple):
    """One of the likeliest classes of an image. `rank` is 1 for the likeliest, `confidence` is in percent."""

    image: str
    rank: int
    label: str
    confidence: float


def predict(path: str | Path, images: Sequence[str | Path], top: int = 1) -> Iterator[Prediction]:
    """The `top` likeliest classes of each image file, in order.

    Args:
        path: a `checkpoint.pt`.
        images: PNG or JPEG files.
        top: how many classes; all of them if there are fewer.

    Raises:
        DataError: the checkpoint or an image cannot be read; the message names it.
        ConfigError: the checkpoint's network is a Python file that is missing or was changed.
    """
    try:
        content = checkpoint.load(path)
        saved, shape = checkpoint.revive(path, content), DataShape(*content["shape"])
    except DataError as error:  # in a job the way out is to train again; here nothing is to be deleted
        reason = str(error).removesuffix(checkpoint.AGAIN).strip()
        raise DataError(f"{reason} Give a checkpoint.pt of results/ first, and then images.") from error
    names = [str(name) for name in content["classes"]]
    for image in images:  # one by one: any number of files fits in memory
        pixels, _ = pictures.decode(Path(image), shape[:3], resized=True, converted=True)
        logits = evaluation.logits(saved.model, np.array(pixels)[None], saved.normalise)
        shares = torch.as_tensor(logits[0]).double().softmax(0)
        for rank, place in enumerate(shares.argsort(descending=True, stable=True)[:top].tolist(), start=1):
            yield Prediction(str(image), rank, names[place], 100 * shares[place].item())


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m normreg.predict", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("checkpoint", help="a checkpoint.pt of results/")
    parser.add_argument("images", nargs="+", metavar="image", help="PNG or JPEG files")
    parser.add_argument("--top", type=int, default=1, metavar="N", help="how many classes an image, default 1")
    given = parser.parse_args(arguments)
    if given.top < 1:
        parser.error(f"--top: found {given.top}, expected 1 or more")
    table = csv.writer(sys.stdout, lineterminator="\n")
    try:
        table.writerow(["image", "rank", "class", "confidence"])
        for row in predict(given.checkpoint, given.images, given.top):
            table.writerow([row.image, row.rank, row.label, f"{row.confidence:.2f}"])
    except NormregError as error:
        print(f"predict: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader, such as `head`, wants no more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
