"""Each image keeps the name of its file: in prepared data, predictions, tables and figures."""

import itertools

import numpy as np
import pytest
from matplotlib.text import Text
from own_data import describe, images, picture, prepare

from normreg.analysis import agreement, predictions
from normreg.analysis.agreement import Classes
from normreg.data import dataset
from normreg.data.dataset import Dataset
from normreg.report import agreement as page
from normreg.report import agreement as pictures
from normreg.report import gallery, job
from normreg.report.explorer import content
from normreg.training import subsets
from normreg.utils import tables

NAMES = ["cat", "dog"]
ODD = [
    "$a$ _b_.png",
    "<b>.png",
    "\u202egnp.x.png",
    "\x1b[31m.png",
    "line\nbreak.png",
    "\udcff.png",
    "猫\u00a0.png",
    "x" * 200,
]
FILES = tuple(f"test/cat/{name}" for name in ODD)
SHOWN = [r"\u202egnp.x.png", r"\x1b[31m.png", r"line\nbreak.png", r"\udcff.png"]


@pytest.fixture
def data():
    labels = np.arange(8, dtype=np.uint8) % 2
    train = tuple(f"train/{NAMES[number % 2]}/{number}.png" for number in range(8))
    return Dataset(
        images(8, 9, 9), labels, images(8, 9, 9), labels, np.array(NAMES), train_files=train, test_files=FILES
    )


@pytest.fixture
def wrong(data):
    """Two runs that get every image wrong, and one that gets every image right."""
    return Classes(
        data.test_labels,
        np.array([1 - data.test_labels, 1 - data.test_labels, data.test_labels]),
        ("none-bn", "l1-bn", "none-gbn"),
        (0,) * 3,
        ("torch",) * 3,
    )


def test_names_of_any_kind_are_kept_in_prepared_data(data, tmp_path):
    dataset.save(data, tmp_path / "d.npz")
    found = dataset.load(tmp_path / "d.npz")
    assert (found.train_files, found.test_files) == (data.train_files, FILES)
    assert [found.file_of(number) for number in (2, 3, 4, 5)] == [f"test/cat/{name}" for name in SHOWN]


def test_real_files_with_odd_names_are_read(place):
    for name in ("cat", "dog"):
        for odd in ODD[:6]:
            picture(f"f/train/{name}/{odd}", images(1, 9, 9)[0])
            picture(f"f/test/{name}/{odd}", images(1, 9, 9)[0])
    describe("folder: f\n")
    found = prepare()
    assert sorted(found.test_files) == sorted(f"test/{name}/{odd}" for name in NAMES for odd in ODD[:6])


def test_one_long_name_does_not_make_all_long(data, tmp_path):
    """NumPy's arrays of texts give each as much room as the longest, in four bytes a letter."""
    many = (*(f"test/cat/{number}.png" for number in range(10_000)), "x" * 4000)
    joined = dataset.join_names(many)
    assert joined.nbytes < 300_000
    assert dataset.split_names(joined) == many


def test_names_do_not_change_what_the_data_are(data):
    labels = data.train_labels
    same = Dataset(data.train_images, labels, data.test_images, labels, data.class_names)
    assert same.digest() == data.digest()
    assert same.file_of(3) == ""


def test_a_run_on_a_part_has_no_names_of_other_images(data, condition):
    held, _, files = subsets.holdout(data, 4)
    assert [data.train_files.index(file) for file in files] == [
        int(np.flatnonzero((data.train_images == image).all(axis=(1, 2)))[0]) for image in held
    ]
    for settings in ({"holdout_images": 4}, {"train_images": 4}):
        part = subsets.of_run(data, condition(**settings), 0)
        for split in ("train", "test"):
            names = getattr(part, f"{split}_files")
            assert len(names) in (0, len(getattr(part, f"{split}_labels")))


def test_predictions_name_the_files(data, tmp_path):
    logits, held = np.eye(2)[data.test_labels], (np.eye(2)[[0, 1]], np.array([0, 1]))
    files = {predictions.TEST: data.test_files, predictions.HOLDOUT: ("train/cat/0.png", "train/dog/1.png")}
    predictions.save(tmp_path / "p.npz", logits, data.test_labels, "r", "torch", held, files)
    with np.load(tmp_path / "p.npz") as found:  # as results/README.md shows it
        names = found["files"].tobytes().decode("utf-8", "surrogateescape").split("\0")
        assert tuple(names) == FILES
        assert found["holdout_files"].tobytes() == b"train/cat/0.png\0train/dog/1.png"
    assert predictions.load(tmp_path / "p.npz", data.test_labels, "r").accuracy == 100
    predictions.save(tmp_path / "p.npz", logits, data.test_labels, "r", "torch", None, {predictions.TEST: ()})
    with np.load(tmp_path / "p.npz") as found:
        assert "files" not in found


def test_the_table_and_the_page_of_agreement_name_the_files(data, wrong, tmp_path, html_tables):
    table = agreement.tabulate(wrong, [], data)
    assert table["file"].tolist() == [data.file_of(image) for image in table["image"]]
    tables.write_frame(tmp_path / "a.csv", page.table_of([]), table, "s")
    read = tables.read_frame(tmp_path / "a.csv", page.table_of([]))
    assert read["file"].tolist() == table["file"].tolist()
    nameless = agreement.tabulate(wrong, [])  # as of MNIST
    tables.write_frame(tmp_path / "n.csv", page.table_of([]), nameless, "s")
    assert set(tables.read(tmp_path / "n.csv", page.table_of([]))["file"]) == {None}
    everyone = Classes(wrong.labels, wrong.predicted[:2], wrong.conditions[:2], (0, 0), ("torch",) * 2)
    page.write(tmp_path / "a.html", "t", everyone, agreement.tabulate(everyone, [], data), [], NAMES)
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "<b>.png" not in text
    assert "\u202e" not in text
    *_, rows = html_tables(text)
    assert [row[1] for row in rows[1:]] == [data.file_of(image) for image in range(8)]
    page.write(tmp_path / "b.html", "t", everyone, agreement.tabulate(everyone, []), [], NAMES)
    assert html_tables((tmp_path / "b.html").read_text(encoding="utf-8"))[-1][0] == [
        "image",
        "actual",
        "most common prediction",
        "by runs",
    ]


def test_the_explorer_names_the_files(data, wrong):
    chosen = content.wrong_images(wrong)
    found = content.describe_mistakes(data, wrong, chosen, np.full((3, 8), 0.9), [])
    assert found["files"] == [data.file_of(image) for image in chosen]


def assert_readable(figure):
    """No text covers another one or leaves the figure."""
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in figure.findobj(Text) if text.get_text()]
    for words, box in boxes:
        assert figure.bbox.contains(box.x0, box.y0), words
        assert figure.bbox.contains(box.x1, box.y1), words
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        assert not a.padded(-1).overlaps(b.padded(-1)), f"{one!r} covers {other!r}"


@pytest.mark.parametrize("classes", [NAMES, ["a class with a very long name indeed", "another one, as long as that"]])
@pytest.mark.filterwarnings("error")  # matplotlib warns of letters that its font lacks
def test_galleries_name_the_files_in_the_space_there_is(data, wrong, classes, tmp_path):
    from dataclasses import replace

    from normreg.report import style

    named = replace(data, class_names=np.array(classes))
    dataset.save(named, tmp_path / "d.npz")
    logits = np.eye(2)[1 - data.test_labels]
    predictions.save(tmp_path / "p.npz", logits, data.test_labels, "r", "torch")
    table = agreement.tabulate(wrong, [], named)
    changes = [agreement.Flips("L1", 2, np.full(8, 2), np.zeros(8, int), 8, 0, 0.0)]
    figures = {
        "gallery": gallery.draw(job.read_predictions(tmp_path / "p.npz", tmp_path / "d.npz", None, "r"), "t"),
        "hardest": pictures.draw_hardest(table, named, "t"),
        "changes": pictures.draw_changes(changes, table, named, "t"),
    }
    for name, figure in figures.items():
        lines = [axes.texts[1].get_text().split("\n") for axes in figure.axes]
        assert [line[-2] for line in lines] == [f"image {number}" for number in range(len(lines))]
        assert [line[-1] for line in lines[:2]] == [r"\$a\$ _b_.png", "<b>.png"]
        assert all("\x1b" not in line[-1] and "\u202e" not in line[-1] for line in lines)
        assert_readable(figure)
        style.save(figure, tmp_path / f"{name}.png")
