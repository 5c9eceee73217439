"""Functions that make data sets of one's own in the working directory. The fixture `place` gives an empty one."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from normreg.config import datasets
from normreg.data import dataset, sources
from normreg.errors import ConfigError

RANDOM = np.random.default_rng(3)


def describe(text, name="mine"):
    """Writes the file of a data set. Each process reads a file once, so tests that write two forget the first."""
    datasets._read.cache_clear()
    Path(f"config/datasets/{name}.yaml").write_text(text)


def prepare(name="mine"):
    data = sources.prepare(datasets.find(name), None, Path("absent"))
    dataset.save(data, "prepared.npz")
    return dataset.load("prepared.npz")


def refused(text=None):
    """The message for a file: one sentence or more in one line, which begins with the name of the file."""
    if text is not None:
        describe(text)
    with pytest.raises(ConfigError) as caught:
        datasets.find("mine")
    message = str(caught.value)
    assert message.startswith("config/datasets/mine.yaml: ")
    assert "\n" not in message
    return message


def images(count, *side):
    return RANDOM.integers(0, 256, (count, *side), dtype=np.uint8)


def arrays(train=12, test=6, classes=3, side=(9, 11), **changes):
    """The arrays of a small file: labels 0, 1, 2, 0, 1, 2, ..."""
    found = {"x_train": images(train, *side), "y_train": np.arange(train) % classes}
    found |= {"x_test": images(test, *side), "y_test": np.arange(test) % classes}
    return {name: array for name, array in (found | changes).items() if array is not None}


def write_npz(found, text="npz: a.npz\n"):
    np.savez_compressed("a.npz", **found)
    describe(text)


def picture(path, pixels, **options):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def folder(splits=("train/", "test/"), side=(9, 11, 3), count=3):
    """A folder `f` with two classes; returns the pixels by path."""
    made = {}
    for below in splits:
        for name in ("dog", "cat"):
            for number in range(count):
                path = f"{below}{name}/{number}.png"
                made[path] = images(1, *side)[0]
                picture(f"f/{path}", made[path])
    return made
