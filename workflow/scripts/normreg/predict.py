"""Classes of one's own image files, from a saved model: python -m normreg.predict CHECKPOINT IMAGE...

Prints CSV: image, rank, class, confidence in percent. Images are made as in training: gray or colour, resized by
Pillow's bilinear filter if their size differs, and normalised with the numbers that are saved in the checkpoint. What
was changed, and which files could not be read, is said on the standard error; after a file that cannot be read it goes
on. In names of files, characters that act on a terminal are written as in Python, such as `\\x1b`.

A checkpoint is data, and may come from anybody. A network in Python is code, and runs only if its file is given.
"""

import argparse
import contextlib
import csv
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from normreg.config import networks
from normreg.errors import DataError, NormregError, printable
from normreg.models.description import DataShape
from normreg.training import checkpoint, evaluation
from normreg.utils import pictures
from normreg.utils.jobs import Lines, log

_FAR = 4  # an image so many times as high or as wide as those of the training, or they as it, is said to be far away


class Prediction(NamedTuple):
    """One of the likeliest classes of an image. `rank` is 1 for the likeliest, `confidence` is in percent."""

    image: str
    rank: int
    label: str
    confidence: float


def predict(
    path: str | Path, images: Sequence[str | Path], top: int = 1, network: str | Path | None = None
) -> Iterator[Prediction]:
    """The `top` likeliest classes of each image file, in order. Logs how an image was changed, as a warning.

    Args:
        path: a `checkpoint.pt`.
        images: image files.
        top: how many classes; all of them if there are fewer.
        network: the Python file of the checkpoint's network, if it is one. Its code runs.

    Raises:
        DataError: the checkpoint or an image cannot be read; the message names it.
        ConfigError: `network` is missing, fails, or is no network.
    """
    classifier = Classifier(path, network)
    for image in images:  # one by one: any number of files fits in memory
        yield from classifier.classify(image, top)


class Classifier:
    """A saved model, for any number of images. See `predict`."""

    def __init__(self, path: str | Path, network: str | Path | None = None) -> None:
        """Reads a checkpoint.

        Raises:
            DataError, ConfigError: see `predict`.
        """
        code = None if network is None else networks.python_file(Path(network))
        try:
            content = checkpoint.load(path)
            if code and "python" not in content["network"]:
                raise DataError(f"{path}: holds its whole network, so {network} has no use; leave it out.")
            self.saved = checkpoint.revive(path, content, code)
        except DataError as error:  # in a job the way out is to train again; here nothing is to be deleted
            do = "Give a checkpoint.pt of results/ first, and then images."
            raise DataError(str(error).replace(checkpoint.AGAIN, do)) from error
        self.path, self.classes, self.shape = path, content["classes"], DataShape(*content["shape"])
        for name, tensor in self.saved.model.state_dict().items():
            if isinstance(tensor, torch.Tensor) and not torch.isfinite(tensor).all():
                raise DataError(f"{path}: its weights {name} are not all finite numbers.")
        if self.saved.diverged is not None:
            log.warning("%s: diverged in epoch %d; it has the weights from before that", path, self.saved.diverged)

    def classify(self, image: str | Path, top: int = 1) -> list[Prediction]:
        """The `top` likeliest classes of an image file. Logs how it was changed.

        Raises:
            DataError: the image cannot be read, or the network cannot compute it.
        """
        try:
            pixels, found = pictures.decode(Path(image), self.shape[:3], resized=True, converted=True)
            (logits,) = evaluation.logits(self.saved.model, np.array(pixels)[None], self.saved.normalise)
        except (RuntimeError, MemoryError) as error:
            reason = " ".join(str(error).split())[:200]
            raise DataError(f"{image}: the network of {self.path} cannot compute it ({reason}).") from error
        if changes := _changes(found, self.shape):
            log.warning("%s: %s", image, changes)
        shares = torch.as_tensor(logits).double().softmax(0)
        places = shares.argsort(descending=True, stable=True)[:top].tolist()
        rows = ((rank, self.classes[place], 100 * shares[place].item()) for rank, place in enumerate(places, start=1))
        return [Prediction(str(image), *row) for row in rows]


def _changes(found: pictures.Header, shape: DataShape) -> str:
    """What was done to an image so that it has this shape, "" for nothing."""
    parts, (channels, height, width, _) = [], shape
    if found.animated:
        parts.append("several frames, the first of them taken")
    if found.rotated:
        parts.append("rotated by EXIF, taken as it is stored")
    if found.transparent:
        parts.append("transparent pixels, laid on white")
    if found.channels != channels:
        parts.append("colour, made gray" if channels == 1 else "gray, made colour")
    if (found.height, found.width) != (height, width):
        parts.append(f"{found.height} x {found.width} pixels (height x width), resized to {height} x {width}")
    times = [found.height / height, found.width / width]
    if max(*times, *(1 / each for each in times)) >= _FAR:
        parts.append("far from the training images: unless those were made from such files, its class means nothing")
    return "; ".join(parts)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns its exit status: 1 if the checkpoint or an image could not be read."""
    parser = argparse.ArgumentParser(prog="python -m normreg.predict", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("checkpoint", help="a checkpoint.pt of results/")
    parser.add_argument("images", nargs="+", metavar="image", help="image files")
    parser.add_argument("--top", type=int, default=1, metavar="N", help="how many classes an image, default 1")
    parser.add_argument("--network", metavar="FILE", help="the Python file of the network, if it is one; its code runs")
    given = parser.parse_args(arguments)
    if given.top < 1:
        parser.error(f"--top: found {given.top}, expected 1 or more")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines("predict: %(message)s"))
    log.addHandler(handler)
    with contextlib.suppress(AttributeError):  # of what stands in for it
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        return _print(given.checkpoint, given.images, given.top, given.network)
    except OSError as error:  # of the output: what reads files makes messages of its errors
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):  # the reader, such as `head`, wants no more
            return 0
        log.error("the output cannot be written (%s)", error.strerror)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        log.removeHandler(handler)


def _print(path: str, images: Sequence[str], top: int, network: str | None) -> int:
    table, status = csv.writer(sys.stdout, lineterminator="\n"), 0
    try:
        classifier = Classifier(path, network)
    except NormregError as error:
        log.error("%s", error)
        return 1
    table.writerow(["image", "rank", "class", "confidence"])
    for image in images:
        try:
            for row in classifier.classify(image, top):
                table.writerow([printable(row.image), row.rank, row.label, f"{row.confidence:.2f}"])
        except NormregError as error:
            log.error("%s", error)
            status = 1
    sys.stdout.flush()
    return status


if __name__ == "__main__":
    sys.exit(main())
