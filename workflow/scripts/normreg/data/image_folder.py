"""A data set of one's own in a folder of images: which files belong to it, their classes and splits, and their pixels.

Classes are folders, with their images at any depth, as in torchvision's ImageFolder. Splits are folders of classes.
"""

import hashlib
import math
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from normreg.data import own
from normreg.data.dataset import Dataset, label_type
from normreg.data.listing import Listing, count_images, list_images
from normreg.data.own import Facts
from normreg.data.specs import DatasetSpec, ImageFolder
from normreg.errors import DataError, unfit
from normreg.utils import pictures
from normreg.utils.files import regular_file, remembered
from normreg.utils.jobs import log
from normreg.utils.pictures import PictureError

_NAMED = 20  # broken files
_QUIET = 30  # seconds without a line about progress: large photographs take long
_SAID = {
    "transparent": "{} with transparent pixels, which are laid on white",
    "rotated": "{} with a rotation in EXIF, which is not applied",
    "animated": "{} with several frames or pages, of which the first one counts",
}


def look(
    root: Path,
    test_share: float | None,
    names: Sequence[str] | None,
    size: Sequence[int] | None,
    channels: int | None,
) -> Facts:
    """The facts of a folder. Files are listed, and the header of one image of each class is read, so this is quick.

    Args:
        root: the folder.
        test_share: the share of the images that become the test split, or None.
        names: the names of the classes, in the order of their folders. None: the names of the folders.
        size: height and width to which images are resized. None: all must have one size.
        channels: 1 or 3. None: that of the images, which must then be all gray or all in colours.

    Raises:
        DataError: the folder cannot be used. The message names the folder or the file and what is wrong.
    """
    listing = list_images(root, test_share)
    if len(listing.train) == 1:
        (name,) = listing.train
        raise DataError(f"{root}: has 1 class, {name}. Name the folder in which the folders are the classes.")
    own.check_number(len(listing.train), str(root))
    if names is None:
        names = [_readable(name, root) for name in listing.train]
    if len(names) != len(listing.train):
        raise DataError(f"{root}: has {len(listing.train)} classes, but `classes` has {len(names)} names.")
    shape = _shape(listing, size, channels)
    own.check_shape(shape, str(root / next(iter(listing.train.values()))[0]))
    train = [len(files) for files in listing.train.values()]
    test = None if listing.test is None else [len(listing.test.get(name, ())) for name in listing.train]
    return own.count(shape, names, train, test, test_share, str(root))


def load(spec: DatasetSpec, source: ImageFolder) -> Dataset:
    """The data set in a folder, in the order of classes and file names. Logs what is left out, and what is changed.

    Raises:
        DataError: images cannot be used, which the message names; or there is too little memory.
    """
    root = Path(source.path)
    listing = list_images(root, source.test_share)
    own.check_memory(own.COPIES * len(listing.files) * math.prod(spec.shape), str(root))
    if listing.left_out:
        log.info("%s: left out: %s", spec.key, "; ".join(listing.left_out))
    files, labels = _flat(listing.train, listing.train)
    test_files, test_labels = _flat(listing.test or {}, listing.train)
    files, labels, last = [*files, *test_files], np.concatenate([labels, test_labels]), len(files)
    images, found = _read(spec, source, files)
    said = [_SAID[kind].format(count_images(count)) for kind, count in found.items() if count]
    if said:
        log.info("%s: %s", spec.key, "; ".join(said))
    if found["transparent"] and images.min() == images.max():
        raise DataError(
            f"{root}: all pixels are white once transparent ones are laid on white. Is something white drawn on a "
            "transparent background? Save the images on another background, without an alpha channel."
        )
    train, test = np.arange(last), np.arange(last, len(files))
    if source.test_share is not None:
        train, test = own.divide(labels, source.test_share)
    named = [tuple(files[i] for i in split) for split in (train, test)]
    return Dataset.of(spec, images[train], labels[train], images[test], labels[test], files=named)


def content(source: ImageFolder, memory: Path | None = None) -> str:
    """SHA-256 over the names and the contents of the images, sorted by name. Names are relative to the folder.

    Raises:
        DataError: a file or folder cannot be read. Broken images are named too, so that one look finds all.
    """
    listing = list_images(Path(source.path), source.test_share)
    try:
        return remembered(memory, [listing.root / name for name in listing.files], lambda: _digest(listing))
    except OSError as error:
        _refuse_broken(listing)
        raise DataError(f"{error.filename}: cannot be read ({error.strerror}).") from error


def _digest(listing: Listing) -> str:
    whole = hashlib.sha256()
    for name in listing.files:
        whole.update(name.encode("utf-8", "surrogateescape") + b"\0")
        whole.update(hashlib.sha256(regular_file(listing.root / name).read_bytes()).digest())
    return whole.hexdigest()


def _shape(listing: Listing, size: Sequence[int] | None, channels: int | None) -> tuple[int, int, int]:
    """The shape of the images. It reads the first training image of each class."""
    files = [listing.root / paths[0] for paths in listing.train.values()]
    try:
        found = [pictures.read_header(file) for file in files]
    except PictureError:
        _refuse_broken(listing)
        raise
    for file, header in zip(files, found, strict=True):
        if size is None and header.shape[1:] != found[0].shape[1:]:
            raise DataError(
                f"{file}: is {header}, but {files[0]} is {found[0]}; expected images of one size. Give `size: [height, "
                "width]`, which resizes all images."
            )
        if channels is None and header.channels != found[0].channels:
            raise DataError(
                f"{file}: is {header}, but {files[0]} is {found[0]}; expected all gray or all in colours. Give "
                "`channels: 1` or `channels: 3`, which converts all images."
            )
    height, width = size or found[0].shape[1:]
    return channels or found[0].channels, height, width


def _flat(split: Mapping[str, Sequence[str]], classes: Collection[str]) -> tuple[list[str], np.ndarray]:
    """The files of a split, class after class, and their labels."""
    counts = [len(split.get(name, ())) for name in classes]
    files = [file for name in classes for file in split.get(name, ())]
    return files, np.repeat(np.arange(len(classes), dtype=label_type(len(classes))), counts)


def _read(spec: DatasetSpec, source: ImageFolder, files: Sequence[str]) -> tuple[np.ndarray, Counter[str]]:
    """The images of these files, and how many of them are of each kind of `_SAID`."""
    images = np.empty((len(files), *(spec.shape if spec.shape[0] > 1 else spec.shape[1:])), dtype=np.uint8)
    counts: Counter[str] = Counter()
    broken: dict[str, PictureError] = {}
    begun = said = time.monotonic()
    for place, file in enumerate(files):
        if place and (now := time.monotonic()) - said > _QUIET:
            minutes, said = (now - begun) / place * (len(files) - place) / 60, now
            read = f"{place:,} of {count_images(len(files))} read"
            log.info("%s: %s, about %.0f min left", spec.key, read, minutes)
        try:
            images[place], header = pictures.decode(
                Path(source.path, file), spec.shape, source.resized, source.converted
            )
            counts.update(kind for kind in _SAID if getattr(header, kind))
        except PictureError as error:
            broken[file] = error
    _refuse(broken, source.path, len(files))
    return images, counts


def _refuse_broken(listing: Listing) -> None:
    """Decodes all images, and names those for which that fails."""
    broken: dict[str, PictureError] = {}
    for file in listing.files:
        try:
            pictures.decode(listing.root / file, (3, 1, 1), resized=True, converted=True)
        except PictureError as error:
            broken[file] = error
    _refuse(broken, str(listing.root), len(listing.files))


def _refuse(broken: Mapping[str, PictureError], root: str, total: int) -> None:
    """Names the files that cannot be used, if there are any."""
    if len(broken) == 1:
        raise next(iter(broken.values()))
    if broken:
        named = [f"{file} {error.what}" for file, error in list(broken.items())[:_NAMED]]
        named += [f"and {len(broken) - _NAMED:,} more"] if len(broken) > _NAMED else []
        remedies = dict.fromkeys(error.remedy for error in broken.values())
        raise DataError(
            f"{root}: {len(broken):,} of {total:,} images cannot be used: {'; '.join(named)}. {' '.join(remedies)}"
        )


def _readable(name: str, root: Path) -> str:
    without = unfit(name)
    if without or len(name) > 80:
        raise DataError(
            f"{root}: has a folder {ascii(name)[:90]}; expected a name of 80 characters at most"
            f"{f' without {without}' if without else ''}; rename it, or give the names of all classes by `classes`."
        )
    return name
