"""The data sets at hand: those that are built in, and those of one's own, which have a file in config/datasets."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from normreg.config import folders
from normreg.config.schema import read_yaml, validate
from normreg.data.specs import DATASETS, DatasetSpec, ImageFolder, Normalise, NpzFile
from normreg.errors import ConfigError, DataError, did_you_mean
from normreg.utils.files import expanded

if TYPE_CHECKING:
    from normreg.data.own import Facts

FOLDER = Path("config/datasets")  # see `folders`
_ONLY = {"npz": ("sha256",), "folder": ("size", "channels")}  # keys that one kind of source has


def path_of(name: str) -> Path:
    """The file of a data set, of the working directory or of this project. If there is none, where it should be.

    Raises:
        ConfigError: there are two, and they differ.
    """
    return folders.only(folders.files(FOLDER, f"{name}.yaml")) or FOLDER / f"{name}.yaml"


def names() -> list[str]:
    """The names of all data sets at hand: the built-in ones, and those that have a file, sorted."""
    return [*DATASETS, *(name for name in folders.names(FOLDER, ".yaml") if folders.NAME.fullmatch(name))]


def find(name: str) -> DatasetSpec:
    """The data set of this name. Of one's own it has the facts that its source shows at a glance.

    Each process reads a file once.

    Raises:
        ConfigError: there is none; there are two of this name; or the file or its images cannot be used.
    """
    path = path_of(name)
    if name in DATASETS:
        if path.exists():
            raise ConfigError(f"{path}: '{name}' is the name of a built-in data set; rename this file.")
        return DATASETS[name]
    if not path.is_file():
        known = names()
        raise ConfigError(
            f"config: key 'dataset': found '{name}', but there is no {path}.{did_you_mean(name, known)} Data sets at "
            f"hand: {', '.join(known)}."
        )
    return _read(name, str(Path.cwd()))


def describe(spec: DatasetSpec) -> dict[str, Any] | None:
    """What the prepared file depends on besides the content of the source, as plain data. None for a built-in data set.

    The title and the place of the source are not among it: they change no array.
    """
    if not isinstance(spec.source, NpzFile | ImageFolder):
        return None
    return {
        "shape": list(spec.shape),
        "classes": list(spec.class_names),
        "normalise": spec.normalise,
        "test_share": spec.source.test_share,
    }


@functools.cache
def _read(name: str, _folder: str) -> DatasetSpec:
    """Reads the file of a data set, once in a working directory."""
    where = str(path_of(name))
    content = read_yaml(path_of(name))
    validate(content, "dataset.schema.yaml", where)
    kind = _check_keys(content, where)
    try:
        facts, source = _find_facts(kind, content, path_of(name).absolute().parents[2])
    except DataError as error:
        raise ConfigError(f"{where}: key '{kind}': {error}") from error
    return DatasetSpec(
        key=name,
        name=content.get("name", name),
        shape=facts.shape,
        class_names=facts.class_names,
        train_images=facts.train_images,
        test_images=facts.test_images,
        source=source,
        normalise=_normalise(content, facts.shape[0], where),
    )


def _check_keys(content: Mapping[str, Any], where: str) -> str:
    """The key that says where the images are, `npz` or `folder`. Refuses keys that it has no use for."""
    given = [kind for kind in _ONLY if kind in content]
    if len(given) != 1:
        found = "both" if given else "neither"
        raise ConfigError(f"{where}: has {found} of the keys npz and folder; expected one of them.")
    for kind, keys in _ONLY.items():
        unused = [key for key in keys if key in content]
        if unused and kind not in given:
            raise ConfigError(f"{where}: key '{unused[0]}' has no use with {given[0]}; leave it out.")
    return given[0]


def _find_facts(kind: str, content: Mapping[str, Any], base: Path) -> tuple["Facts", NpzFile | ImageFolder]:
    from normreg.data import image_folder, npz_file  # not above: NumPy takes time, and most calls need none

    path = base / expanded(content[kind])  # relative to the folder that has config/datasets
    share, classes = content.get("test_share"), content.get("classes")
    if kind == "npz":
        checksum = content["sha256"].lower() if "sha256" in content else None
        return npz_file.look(path, share, classes), NpzFile(str(path), checksum, share)
    size, channels = content.get("size"), content.get("channels")
    facts = image_folder.look(path, share, classes, size, channels)
    return facts, ImageFolder(str(path), size is not None, channels is not None, share)


def _normalise(content: Mapping[str, Any], channels: int, where: str) -> Normalise | None:
    if "normalise" not in content:
        return None
    mean, std = (tuple(float(value) for value in content["normalise"][key]) for key in ("mean", "std"))
    for key, found in (("mean", mean), ("std", std)):
        if len(found) != channels:
            raise ConfigError(
                f"{where}: key 'normalise.{key}': found {len(found)} number{'' if len(found) == 1 else 's'}; expected "
                f"{channels}, one for each channel of the images."
            )
    return mean, std
