"""A data set of one's own in a folder: train/CLASS/ and test/CLASS/ as torchvision's ImageFolder, or CLASS/."""

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from normreg.data import own
from normreg.data.dataset import Dataset, as_array, label_type
from normreg.data.own import Facts
from normreg.data.specs import DatasetSpec, ImageFolder
from normreg.errors import DataError
from normreg.utils import memory, pictures, shares
from normreg.utils.jobs import log

SPLITS = ("train", "test")
_COPIES = 3  # of the images, in memory at once: as read, as divided, and as bytes for the digest


@dataclass(frozen=True)
class Listing:
    """The image files of a folder. Names are sorted by their characters, as torchvision sorts them.

    Attributes:
        root: the folder.
        train: the paths of the images of each class, relative to `root`, by the name of the class's folder.
        test: the same of the test split. None: there is none.
        left_out: what is neither an image nor hidden, relative to `root`.
    """

    root: Path
    train: dict[str, list[str]]
    test: dict[str, list[str]] | None
    left_out: tuple[str, ...]

    @property
    def files(self) -> list[str]:
        """All image files, relative to `root`, sorted."""
        return sorted(chain(*self.train.values(), *(self.test or {}).values()))


def list_images(root: Path, test_share: float | None) -> Listing:
    """The image files of a folder.

    Raises:
        DataError: the folder cannot be read, a class has no image, there are too few or too many classes, or the test
            split has a class that is not trained; or a test split and `test_share` are both there, or none of them.
    """
    left_out: list[str] = []
    folders = _entries(root, "", left_out)
    found = [name for name in SPLITS if name in folders]
    if len(found) == 1:
        (other,) = set(SPLITS) - set(found)
        raise DataError(
            f"{root}: has a folder {found[0]}, but no folder {other}; add it, or name the folder with the classes "
            f"itself, {root / found[0]}, with `test_share`."
        )
    own.check_test_share(test_share, bool(found), str(root))
    if not found:
        return Listing(root, _classes(root, "", folders, left_out), None, tuple(left_out))
    left_out += [f"{name}/" for name in folders if name not in SPLITS]
    train, test = (_classes(root, f"{split}/", _entries(root, split, left_out), left_out) for split in SPLITS)
    extra = [name for name in test if name not in train]
    if extra:
        raise DataError(
            f"{root / 'test' / extra[0]}: is a class that {root / 'train'} lacks; it has {', '.join(train)}. Give both "
            "folders the same classes."
        )
    return Listing(root, train, test, tuple(left_out))


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
    own.check_number(len(listing.train), str(root))
    if names is None:
        names = tuple(_readable(name, root) for name in listing.train)
    if len(names) != len(listing.train):
        raise DataError(f"{root}: has {len(listing.train)} classes, but `classes` has {len(names)} names.")
    shape = _shape(listing, size, channels)
    own.check_shape(shape, str(root / next(iter(listing.train.values()))[0]))
    train = [len(files) for files in listing.train.values()]
    if listing.test is not None:
        test = [len(listing.test.get(name, ())) for name in listing.train]
    else:
        test = [shares.test_images(count, test_share or 0) for count in train]
        train = [all_images - held for all_images, held in zip(train, test, strict=True)]
    facts = Facts(shape, tuple(names), train, test)
    own.check_counts(facts, str(root))
    return facts


def load(spec: DatasetSpec, source: ImageFolder) -> Dataset:
    """The data set in a folder, in the order of classes and file names. Logs what is left out.

    Raises:
        DataError: an image cannot be used, which the message names; or there is too little memory.
    """
    root = Path(source.path)
    listing = list_images(root, source.test_share)
    memory.check(_COPIES * len(listing.files) * math.prod(spec.shape), str(root))
    if listing.left_out:
        some = f"{', '.join(listing.left_out[:3])}{', ...' if len(listing.left_out) > 3 else ''}"
        log.info("%s: left out, because they are no images of the data set: %s", spec.key, some)
    numbers = {name: number for number, name in enumerate(listing.train)}
    splits = [_read_split(spec, source, split, numbers) for split in (listing.train, listing.test) if split is not None]
    if source.test_share is not None:
        ((images, labels),) = splits
        splits = [(images[part], labels[part]) for part in shares.divide(labels, source.test_share)]
    (train_images, train_labels), (test_images, test_labels) = splits
    names, normalise = np.array(spec.class_names), as_array(spec.normalise, spec.shape[0])
    return Dataset(train_images, train_labels, test_images, test_labels, names, normalise)


def content(source: ImageFolder) -> str:
    """SHA-256 over the names and the contents of the images, sorted by name. Names are relative to the folder.

    Raises:
        DataError: a file or folder cannot be read.
    """
    root, whole = Path(source.path), hashlib.sha256()
    try:
        for name in list_images(root, source.test_share).files:
            whole.update(name.encode("utf-8", "surrogateescape") + b"\0")
            whole.update(hashlib.sha256((root / name).read_bytes()).digest())
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror}).") from error
    return whole.hexdigest()


def _shape(listing: Listing, size: Sequence[int] | None, channels: int | None) -> tuple[int, int, int]:
    """The shape of the images. It reads the first training image of each class."""
    files = [listing.root / paths[0] for paths in listing.train.values()]
    found = [pictures.read_header(file) for file in files]
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


def _entries(root: Path, below: str, left_out: list[str]) -> list[str]:
    """The sorted names of the folders in a folder. Files go to `left_out`, hidden ones do not."""
    folder = root / below
    try:
        with os.scandir(folder) as entries:
            found = sorted((entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith("."))
    except OSError as error:
        do = "expected a folder that this user may read."
        raise DataError(f"{folder}: cannot be read ({error.strerror}); {do}") from error
    left_out += [os.path.join(below, name) for name, is_folder in found if not is_folder]
    return [name for name, is_folder in found if is_folder]


def _classes(root: Path, below: str, folders: list[str], left_out: list[str]) -> dict[str, list[str]]:
    if not folders:
        raise DataError(f"{root / below}: has no folders, expected one folder of images for each class.")
    return {name: _images(root, f"{below}{name}", left_out) for name in folders}


def _images(root: Path, below: str, left_out: list[str]) -> list[str]:
    """The sorted image files of a class. Everything else goes to `left_out`."""
    try:
        names = sorted(name for name in os.listdir(root / below) if not name.startswith("."))
    except OSError as error:
        raise DataError(f"{root / below}: cannot be read ({error.strerror}).") from error
    images = [f"{below}/{name}" for name in names if name.lower().endswith(pictures.ENDINGS)]
    left_out += [f"{below}/{name}" for name in names if not name.lower().endswith(pictures.ENDINGS)]
    if not images:
        raise DataError(
            f"{root / below}: has no image, expected files with the endings {', '.join(pictures.ENDINGS)}. Add "
            "some, or delete the folder."
        )
    return images


def _readable(name: str, root: Path) -> str:
    if not name.isprintable() or len(name) > 80:
        raise DataError(
            f"{root}: has a folder {ascii(name)[:90]}, whose name is no text of 80 printable characters at most; "
            "rename it, or give the names of all classes by `classes`."
        )
    return name


def _read_split(
    spec: DatasetSpec, source: ImageFolder, split: Mapping[str, Sequence[str]], numbers: Mapping[str, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of a split."""
    files = [(numbers[name], file) for name, files in split.items() for file in files]
    images = np.empty((len(files), *(spec.shape if spec.shape[0] > 1 else spec.shape[1:])), dtype=np.uint8)
    transparent = 0
    for place, (_, file) in enumerate(files):
        path = Path(source.path) / file
        images[place], header = pictures.decode(path, spec.shape, source.resized, source.converted)
        transparent += header.transparent
    if transparent:
        log.info("%s: the transparency of %d images is left out", spec.key, transparent)
    return images, np.array([label for label, _ in files], dtype=label_type(len(spec.class_names)))
