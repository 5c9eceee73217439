"""Lists a folder of images as people have them: splits by their common names, folders in class folders, other files."""

import difflib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from normreg.data import own
from normreg.errors import DataError
from normreg.utils import pictures

# "train", "Training", "test_set", "VAL", "seg_test", ... "valid" and "validation" are the same split.
_SPLIT = re.compile(
    r"(?:(?P<prefix>.+)[ _-])?(?P<split>train|test|val)(?:ing|id|idation)?(?:[ _-]?(?:set|split|data|images))?", re.I
)
_LITTER = ("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "$recycle.bin", "lost+found")
_MOST_LEFT_OUT = 0.1  # of all files in class folders
_KINDS = 8  # of files that are named when they are left out


@dataclass(frozen=True)
class Listing:
    """The image files of a folder: paths relative to `root`, in torchvision's order.

    Attributes:
        root: the folder.
        train: the images of each class, by its name. Classes are sorted by it.
        test: the same of the test split, which may lack classes. None: there is none.
        left_out: what is left out, said for the person.
    """

    root: Path
    train: dict[str, list[str]]
    test: dict[str, list[str]] | None
    left_out: tuple[str, ...]

    @property
    def files(self) -> list[str]:
        """All image files, sorted."""
        return sorted(chain(*self.train.values(), *(self.test or {}).values()))


def list_images(root: Path, test_share: float | None) -> Listing:
    """The image files of a folder.

    Raises:
        DataError: the folder cannot be read; a class has no image; the test split has a class that is not trained; a
            test split and `test_share` are both there, or none of them; or more than a tenth of the files are left out.
    """
    folders, beside = _entries(root, "")
    splits = _find_splits(root, folders)
    own.check_test_share(test_share, splits is not None, str(root))
    no_images: Counter[str] = Counter()  # files in class folders, by their ending
    outside = Counter(map(_ending, beside))  # files beside class folders
    found = []
    for name in splits or ("",):
        below, classes, files = _inside(root, name) if name else ("", folders, [])
        outside.update(map(_ending, files))
        found.append(_classes(root, below, classes, no_images))
    said = [f"{_by_ending(no_images)} (no images)"] if no_images else []
    said += [f"{_by_ending(outside)} beside the class folders"] if outside else []
    if splits:
        _check_classes(root, splits, *found)
    left_out = no_images.total() + sum(outside[ending] for ending in pictures.ENDINGS)
    _check_left_out(root, left_out, sum(len(files) for split in found for files in split.values()), said)
    said += [_unused(root, name, splits) for name in folders if splits and name not in splits]
    return Listing(root, found[0], found[1] if splits else None, tuple(said))


def _find_splits(root: Path, folders: Sequence[str]) -> tuple[str, str] | None:
    """The folders with the training and the test split; None if the folders are classes."""
    groups: dict[str, dict[str, str]] = {"": {}}  # by what stands before "train" and "test"
    for name in folders:
        if match := _SPLIT.fullmatch(name):
            group, split = groups.setdefault((match["prefix"] or "").lower(), {}), match["split"].lower()
            if split in group and not match["prefix"]:
                raise DataError(f"{root}: the folders {group[split]} and {name} are one split; keep one of them.")
            group[split] = name
    others = len(folders) > sum(map(len, groups.values()))
    for group in groups.values():
        train, tests = group.get("train"), [group[split] for split in ("test", "val") if split in group]
        if train and tests and (_has_classes(root, train) or not others):
            # Without labels, as in many competitions, a test split has no class folders. Then `val` is what there is.
            test = next((name for name in tests if _has_classes(root, name)), None)
            if test is None:
                raise DataError(
                    f"{root / tests[0]}: has no folders, expected one folder of images for each class. If its images "
                    f"have no labels, name {root / train} itself, with `test_share`."
                )
            return train, test
    alone = groups[""].get("train") or groups[""].get("test")
    if alone is None or not _has_classes(root, alone):
        return None  # a class can have such a name: "train", beside "bus"; "valid", beside "invalid"
    lacks = "test split, such as test or val" if "train" in groups[""] else "training split, such as train"
    raise DataError(
        f"{root}: has a folder {alone}, but no folder with a {lacks}; add it, or name the folder with the classes "
        f"itself, {root / alone}, with `test_share`."
    )


def _has_classes(root: Path, split: str) -> bool:
    _, folders, _ = _inside(root, split)
    return bool(folders)


def _inside(root: Path, split: str) -> tuple[str, list[str], list[str]]:
    """The folder with the classes of a split, their names, and the other files there.

    An unpacked archive can have the split inside of a folder of the same name.
    """
    folders, beside = _entries(root, split)
    if folders == [split]:
        split = os.path.join(split, split)
        folders, beside = _entries(root, split)
    return split, folders, beside


def _classes(root: Path, below: str, folders: Sequence[str], no_images: Counter[str]) -> dict[str, list[str]]:
    """The images of each class, by its name in Unicode's composed form: disks differ in the form of one name.

    Other files are counted in `no_images`.
    """
    if not folders:
        raise DataError(f"{root / below}: has no folders, expected one folder of images for each class.")
    found: dict[str, list[str]] = {}
    for folder in folders:
        name, place = unicodedata.normalize("NFC", folder), os.path.join(below, folder)
        if name in found:
            raise DataError(f"{root / place}: its name is there twice, in two Unicode forms; keep one of the folders.")
        kinds: Counter[str] = Counter()
        found[name] = sorted(_walk(root, place, kinds), key=os.path.split)
        if not found[name]:
            has = f", but {_by_ending(kinds)}" if kinds else ""
            raise DataError(
                f"{root / place}: has no image{has}; expected files with the endings {', '.join(pictures.ENDINGS)}. "
                "Add some, or delete the folder."
            )
        no_images.update(kinds)
    return dict(sorted(found.items()))


def _walk(root: Path, below: str, kinds: Counter[str]) -> Iterator[str]:
    """The images in a folder at any depth, links followed. Other files are counted in `kinds`, by their ending.

    Raises:
        DataError: a folder cannot be read, or a link leads to one that is read anyway: links could lead round for ever.
    """
    above = [folder for folder in (root / below).parents if folder.is_relative_to(root)]
    seen, waiting = set(map(_identity, above)), [below]
    while waiting:
        place = waiting.pop()
        if (found := _identity(root / place)) in seen:
            raise DataError(
                f"{root / place}: is a link to a folder that it lies in, or that is read already; delete it."
            )
        seen.add(found)
        folders, files = _entries(root, place)
        waiting += [os.path.join(place, name) for name in folders]
        for name in files:
            if _ending(name) in pictures.ENDINGS:
                yield os.path.join(place, name)
            else:
                kinds[_ending(name)] += 1


def _identity(folder: Path) -> tuple[int, int]:
    try:
        status = os.stat(folder)
    except OSError as error:
        raise _unreadable(folder, error) from error
    return status.st_dev, status.st_ino


def _entries(root: Path, below: str) -> tuple[list[str], list[str]]:
    """The names of the folders and of all else in a folder, sorted; not those that are hidden or made by a system."""
    try:
        with os.scandir(root / below) as entries:
            shown = [e for e in entries if not e.name.startswith(".") and e.name.lower() not in _LITTER]
            folders = {entry.name for entry in shown if _is_folder(entry)}
    except OSError as error:
        raise _unreadable(root / below, error) from error
    return sorted(folders), sorted(entry.name for entry in shown if entry.name not in folders)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _unreadable(folder: Path, error: OSError) -> DataError:
    do = "expected a folder that this user may read."
    return DataError(f"{folder}: cannot be read ({error.strerror}); {do}")


def _check_classes(
    root: Path, splits: tuple[str, str], train: dict[str, list[str]], test: dict[str, list[str]]
) -> None:
    """Refuses a class of the test split that is not trained."""
    extra = next((name for name in test if name not in train), None)
    if extra is None:
        return
    close = difflib.get_close_matches(extra.lower(), {name.lower(): name for name in train}, n=1)
    known = [name for name in train if name.lower() in close] or list(train)
    has = f"{', '.join(known[:10])}{', ...' if len(known) > 10 else ''}"
    raise DataError(
        f"{root / splits[1] / extra}: is a class that {root / splits[0]} lacks; it has {has}. Give both folders the "
        "same classes."
    )


def _check_left_out(root: Path, left_out: int, images: int, said: Sequence[str]) -> None:
    """Refuses a folder of which much would be left out. A note or a table beside the class folders does not count."""
    if left_out > _MOST_LEFT_OUT * (images + left_out):
        raise DataError(
            f"{root}: {left_out:,} of {images + left_out:,} files would be left out, more than a tenth: "
            f"{'; '.join(said)}. Expected images in class folders, with the endings "
            f"{', '.join(pictures.ENDINGS)}. Convert these files, or move them out of this folder."
        )


def _unused(root: Path, name: str, splits: tuple[str, str]) -> str:
    """Says that a folder beside the splits is left out."""
    found = ""
    with suppress(DataError):  # it does not matter if it cannot be read
        found = f" ({count_images(sum(1 for _ in _walk(root, name, Counter())))})"
    return f"the folder {name}{found}, because {splits[0]} and {splits[1]} are the splits"


def count_images(count: int) -> str:
    """Such as "1 image" and "60,000 images"."""
    return f"{count:,} image{'' if count == 1 else 's'}"


def _ending(name: str) -> str:
    """With its dot, in lower case."""
    return os.path.splitext(name)[1].lower()


def _by_ending(kinds: Counter[str]) -> str:
    """Such as "34 .heic, 2 without ending"."""
    named = [f"{count:,} {ending[:12] or 'without ending'}" for ending, count in kinds.most_common(_KINDS)]
    rest = sum(count for _, count in kinds.most_common()[_KINDS:])
    return ", ".join([*named, f"{rest:,} others"] if rest else named)
