"""Everything after training for colour images, images that are not square, 2 to 1,000 classes and long names."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image
from test_figures import assert_readable, named, texts

from normreg.analysis import agreement, predictions
from normreg.analysis.agreement import Classes
from normreg.analysis.contrasts import Contrast
from normreg.data.dataset import Dataset
from normreg.report import agreement as figures
from normreg.report import agreement as page
from normreg.report import confusion, gallery, style
from normreg.report.explorer import content
from normreg.report.job import PredictedImages

# 60 characters each; the first two differ only in their middle, the third is one word, the last is in no Latin letters.
LONG = (
    "A photograph of a long-legged heron that stands in the water",
    "A photograph of a long-legged stork that stands in the water",
    "Rindfleischetikettierungsueberwachungsaufgabenuebertragungsg",
    "Фотография длинноногой цапли, которая стоит в мелкой воде до",
)
COUNTS = [2, 3, 20, 21, 100, 1000]


def colour_images(count: int, height: int = 12, width: int = 20) -> np.ndarray:
    """Images (count, 3, height, width) of which no two pixels of one image are alike, and no channel is another."""
    return np.random.default_rng(0).integers(0, 256, (count, 3, height, width), dtype=np.uint8)


def many_names(count: int) -> tuple[str, ...]:
    """Names of 60 characters that differ in their last digits, every fourth in another script."""
    return tuple(f"{LONG[number % 4][:54]}, {number:04d}" for number in range(count))


def judged(count: int, classes: int, class_names: tuple[str, ...], wrong: dict[int, int]) -> PredictedImages:
    """Row i is of class i % classes and predicted rightly but for `wrong`: row -> predicted class, surest first."""
    labels = np.arange(count) % classes
    logits = np.zeros((count, classes), np.float32)
    logits[np.arange(count), labels] = 5
    for place, (row, predicted) in enumerate(wrong.items()):
        logits[row, labels[row]] = 0
        logits[row, predicted] = 9 - place / 8
    return PredictedImages(logits, labels, np.arange(count), colour_images(count), class_names)


# --- saved predictions


@pytest.mark.parametrize("count", COUNTS)
def test_predictions_of_any_number_of_classes_are_read(tmp_path: Path, count: int) -> None:
    labels = np.array([0, 1, count - 1], np.min_scalar_type(count - 1))
    logits = np.random.default_rng(0).normal(size=(3, count)).astype(np.float32)
    predictions.save(tmp_path / "p.npz", logits, labels, "me", "torch")
    found = predictions.load(tmp_path / "p.npz", labels, "me")
    np.testing.assert_array_equal(found.logits, logits)
    assert found.near_ties == 0


def test_classes_above_255_are_kept_apart(tmp_path: Path) -> None:
    """256 and 0, 999 and 231 are alike in eight bits."""
    labels, predicted = np.array([256, 999, 0, 231], np.uint16), [0, 999, 256, 999]
    predictions.save(tmp_path / "p.npz", np.eye(1000, dtype=np.float32)[predicted], labels, "me", "torch")
    run = {"condition": "a", "seed": 0, "identity": "me"}
    found = agreement.read([tmp_path / "p.npz"], [run], labels, {"a": "a"})  # type: ignore[list-item]
    assert found.predicted.tolist() == [predicted]
    assert found.wrong.tolist() == [[True, False, True, True]]
    table = agreement.tabulate(found, [])
    columns = table[["image", "label", "predicted"]].to_numpy().tolist()
    assert columns == [[0, 256, 0], [2, 0, 256], [3, 231, 999]]
    # e / (e + 999), the softmax of one logit 1 among 999 zeros
    paths, shown = [tmp_path / "p.npz"], np.array([0])
    sure = agreement.confidences(paths, [run], labels, {"a": "a"}, shown)  # type: ignore[list-item]
    assert sure == pytest.approx(np.e / (np.e + 999))


# --- names


def test_letters_that_the_font_lacks_never_make_an_empty_or_equal_name() -> None:
    given = ("ki (き)", "猫 (cat)", "猫", "犬", "кот", "γάτα", "class 2", "ki (ギ)", "a\nb")
    expected = ["class 0", "cat", "class 2", "class 3", "кот", "γάτα", "class 6", "class 7", "class 8"]
    assert style.printable(given) == expected
    assert style.printable(("ki (き)", "na (な)")) == ["ki", "na"]


@pytest.mark.parametrize("lines", [1, 2])
@pytest.mark.parametrize("name", [*LONG, "short", "two words", "W" * 60, "$5 and $10 " * 5])
def test_a_fitted_name_has_the_room_it_was_given(name: str, lines: int) -> None:
    """Measured by matplotlib, as the text that is drawn."""
    figure = style.new_figure(5, 1)
    text = style.fitted([name, "other"], [0], 1.3, 9.5, lines)[0]
    box = figure.text(0, 0.2, text, size=9.5).get_window_extent(figure.canvas.get_renderer())  # type: ignore[attr-defined]
    assert box.width / style.DPI <= 1.3 * 1.02  # hinting moves letters by parts of a pixel
    assert len(text.split("\n")) <= lines
    plain = text.replace(r"\$", "$").replace("\n", " ")
    assert (
        plain == name if len(name) < 10 else ("…" in text and plain[:3] == name[:3] and plain[-3:] == name.strip()[-3:])
    )


def test_names_that_differ_in_their_middle_are_still_told_apart() -> None:
    found = style.fitted(LONG, range(4), 1.2, 9.5)
    assert len(set(found.values())) == 4
    assert found[0].startswith("0: A phot")
    assert found[1].startswith("1: A phot")
    assert found[2].startswith("Rindf")


# --- galleries


def drawn_pixels(file: Path, figure, axes) -> np.ndarray:
    """What a saved PNG shows in the middle of each pixel of an image, (height, width, 3)."""
    with Image.open(file) as opened:
        picture = np.asarray(opened.convert("RGB"))
    figure.draw_without_rendering()
    height, width = axes.images[0].get_array().shape[:2]
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    places = axes.transData.transform(np.stack([x, y], axis=-1).reshape(-1, 2))
    columns, rows = np.floor(places[:, 0]).astype(int), np.floor(len(picture) - places[:, 1]).astype(int)
    return picture[rows, columns].reshape(height, width, 3)


@pytest.mark.parametrize("class_names", [LONG[:3], ("x", "y", "z")], ids=["long", "short"])
def test_a_gallery_in_colour_shows_every_pixel_and_no_text_covers_another(tmp_path: Path, class_names) -> None:
    """Row, column and channel at their places in the saved file, which must not have 256 colours only."""
    found = judged(60, 3, class_names, {row: (row + 1) % 3 for row in range(0, 60, 5)})
    figure = gallery.draw(found, "title")
    style.save(figure, tmp_path / "g.png")
    shown = gallery.most_confident(found)
    assert [mistake.row for mistake in shown] == list(range(0, 60, 5))
    for axes, mistake in zip(figure.axes, shown, strict=True):
        expected = np.moveaxis(found.images[mistake.row], 0, 2)
        np.testing.assert_array_equal(drawn_pixels(tmp_path / "g.png", figure, axes), expected)
    assert_readable(figure)


def test_a_full_gallery_with_long_names_fits_a_screen() -> None:
    """The report's viewer cuts off what is taller than the window."""
    width, height = gallery.draw(
        judged(60, 3, LONG[:3], {row: (row + 1) % 3 for row in range(60)}), "t"
    ).get_size_inches()
    assert width / height > 1.4


@pytest.mark.parametrize("side", [(8, 96), (96, 8), (12, 20), (8, 8), (96, 96)])
def test_images_that_are_not_square_keep_their_proportions_beside_their_text(side: tuple[int, int]) -> None:
    found = judged(30, 3, LONG[:3], {row: (row + 1) % 3 for row in range(30)})
    figure = gallery.draw(
        PredictedImages(found.logits, found.labels, found.indices, colour_images(30, *side), LONG[:3]), "t"
    )
    figure.draw_without_rendering()
    for axes in figure.axes:
        box = axes.get_window_extent()
        assert box.height / box.width == pytest.approx(side[0] / side[1])
        for text in axes.texts:
            assert text.get_window_extent().x0 > box.x1
    assert_readable(figure)


def made_classes(count: int, images: int = 40) -> Classes:
    """Four runs: the first two miss the even images, the others every third; each takes class k for k + 1."""
    labels = (np.arange(images) % count).astype(np.min_scalar_type(count - 1))
    wrong = np.array([np.arange(images) % 2 == 0] * 2 + [np.arange(images) % 3 == 0] * 2)
    predicted = np.where(wrong, (labels + 1) % count, labels).astype(labels.dtype)
    return Classes(labels, predicted, ("a", "b", "c", "d"), (0,) * 4, ("torch",) * 4)


@pytest.mark.parametrize("count", COUNTS)
def test_hardest_images_and_changes_with_long_names(count: int, tmp_path: Path) -> None:
    found, images = made_classes(count), colour_images(40)
    data = Dataset(images, found.labels, images, found.labels, np.array(many_names(count)))
    changes = agreement.flips([Contrast("L1", 1e-5, "a", "c"), Contrast("GBN", 2, "b", "d")], found)
    table = agreement.tabulate(found, changes)
    hardest, drawn = figures.draw_hardest(table, data, "title"), figures.draw_changes(changes, table, data, "title")
    # All four miss 0, 6, 12, ... Both changes fix 2, 4, 8, ...
    assert [axes.get_label() for axes in hardest.axes][:7] == [f"image {6 * k}" for k in range(7)]
    assert [axes.get_label() for axes in drawn.axes][:3] == [f"L1 1e-5 fixed {k}" for k in (2, 4, 8)]
    np.testing.assert_array_equal(hardest.axes[1].images[0].get_array(), np.moveaxis(images[6], 0, 2))
    for figure in (hardest, drawn):
        assert_readable(figure)
    page.write(tmp_path / "a.html", "T", found, table, changes, list(data.class_names))
    assert str(data.class_names[6 % count]) in (tmp_path / "a.html").read_text(encoding="utf-8")


# --- confusion


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.filterwarnings("error")
def test_confusion_of_any_number_of_classes_can_be_read(count: int) -> None:
    wrong = {row: (row + 1) % count for row in range(0, 2 * count, 3)}
    figure = confusion.draw(judged(2 * count, count, many_names(count), wrong), "title")
    assert [axes.get_label() for axes in figure.axes] == ["counts" if count <= 20 else "pairs"]
    assert any(("confusion matrix:" if count <= 20 else "pairs of classes:") in text for text in texts(figure))
    assert_readable(figure)


def test_the_cells_of_a_matrix_are_as_wide_as_its_numbers() -> None:
    counts = np.array([[123_456, 7], [100_000, 234_567]])
    figure = confusion._draw_matrix(("a", "b"), counts, "title")
    assert_readable(figure)


def test_the_most_confused_pairs_by_hand() -> None:
    """Class 0 has 4 images, class 1 has 10, class 2 has 5. Three pairs with 2 mistakes: 2 of 4 is more than 2 of 5."""
    counts = np.array([[2, 0, 2], [3, 5, 2], [2, 0, 3]])
    found = [(pair.actual, pair.predicted, pair.count, pair.images) for pair in confusion.most_confused(counts)]
    assert found == [(1, 0, 3, 10), (0, 2, 2, 4), (2, 0, 2, 5), (1, 2, 2, 10)]
    two = confusion.most_confused(counts, 2)
    assert confusion.caption(two, counts) == (
        "the 2 most confused of 4 pairs of classes: 5 of 9 mistakes (55.6 %) among 19 images, accuracy 52.63 %"
    )
    equal = confusion.most_confused(np.array([[1, 1, 1], [1, 1, 1], [0, 0, 3]]))
    assert [(pair.actual, pair.predicted) for pair in equal] == [(0, 1), (0, 2), (1, 0), (1, 2)]


def test_the_figure_of_pairs_says_all_of_each_pair() -> None:
    """100 classes with 10 images each: 7 of class 5 are taken for 6, 2 of class 6 for 5, 1 of class 8 for 99."""
    labels = np.repeat(np.arange(100), 10)
    predicted = labels.copy()
    predicted[50:57], predicted[60:62], predicted[80] = 6, 5, 99
    class_names = tuple(f"kind {number}" for number in range(100))
    logits = np.eye(100, dtype=np.float32)[predicted]
    found = PredictedImages(logits, labels, np.arange(1000), np.zeros((1000, 8, 8), np.uint8), class_names)
    figure = confusion.draw(found, "title")
    panel = named(figure, "pairs")
    written: dict[float, list[Text]] = {}
    for text in panel.texts:
        written.setdefault(text.get_position()[1], []).append(text)
    rows = [[text.get_text() for text in sorted(row, key=lambda t: t.get_position()[0])] for row in written.values()]
    assert rows == [
        ["actual", "predicted", "images", "share of the actual class"],
        ["kind 5", "→", "kind 6", "7", "7 of 10 (70.0 %)"],
        ["kind 6", "→", "kind 5", "2", "2 of 10 (20.0 %)"],
        ["kind 8", "→", "kind 99", "1", "1 of 10 (10.0 %)"],
    ]
    lengths = [bar.get_width() for bar in panel.patches]
    assert np.array(lengths) / lengths[0] == pytest.approx(np.array([1, 2 / 7, 1 / 7]))
    assert "all 3 confused pairs of classes: 10 of 10 mistakes (100.0 %) among 1,000 images, accuracy 99.00 %" in texts(
        figure
    )
    assert_readable(figure)


def test_many_classes_without_a_mistake() -> None:
    figure = confusion.draw(judged(200, 100, many_names(100), {}), "title")
    assert not figure.axes
    assert "no mistakes among 200 images, accuracy 100.00 %" in texts(figure)


# --- the explorer


def decoded(atlas: dict[str, Any]) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(atlas["source"].split(",")[1]))) as opened:
        return np.asarray(opened.convert("RGB"))


def described(images: np.ndarray, count: int, wrong: np.ndarray, class_names: tuple[str, ...]) -> dict:
    """The explorer's data of two runs that both miss the images `wrong`, each taken for the next class."""
    labels = (np.arange(len(images)) % count).astype(np.min_scalar_type(count - 1))
    predicted = np.where(wrong, (np.arange(len(images)) + 1) % count, labels).astype(labels.dtype)
    found = Classes(labels, np.stack([predicted] * 2), ("a", "b"), (0, 0), ("torch",) * 2)
    data = Dataset(images, labels, images, labels, np.array(class_names))
    shown = content.wrong_images(found)
    return content.describe_mistakes(data, found, shown, np.full((2, len(shown)), 0.5), [])


@pytest.mark.parametrize(("count", "kind"), [(2, np.uint8), (256, np.uint8), (257, "<u2"), (1000, "<u2")])
def test_classes_of_the_explorer_take_two_bytes_above_256(count: int, kind) -> None:
    found = described(colour_images(1000, 8, 9), count, np.arange(1000) % 100 == 99, many_names(count))
    assert found["images"] == list(range(99, 1000, 100))
    predicted = np.frombuffer(base64.b64decode(found["predicted"]), kind).reshape(2, 10)
    assert predicted.tolist() == [[(i % count + 1) % count for i in range(99, 1000, 100)]] * 2
    assert found["labels"] == [i % count for i in range(99, 1000, 100)]
    assert found["classes"] == list(many_names(count))
    assert found["atlas"]["exact"]


def test_compressed_images_stay_close_to_themselves_and_get_nothing_of_their_neighbours() -> None:
    """White images beside black ones, of sides that are no multiples of a block."""
    images = np.zeros((9, 3, 13, 21), np.uint8)
    images[::2] = 255
    images[1, 0] = 200
    atlas = content.atlas(images, exact=False)
    assert (atlas["width"], atlas["height"], atlas["across"], atlas["down"]) == (21, 13, 24, 16)
    assert not atlas["exact"]
    pixels = decoded(atlas).astype(int)
    for number, image in enumerate(images):
        top, left = number // 3 * 16, number % 3 * 24
        assert np.abs(pixels[top : top + 13, left : left + 21] - np.moveaxis(image, 0, 2)).max() <= 3


def smooth_images(count: int, side: int) -> np.ndarray:
    """Waves of all colours with a little noise: what photographs are to a compressor."""
    random, place = np.random.default_rng(0), np.arange(side) / side * np.pi
    phase = random.uniform(0, 6, (count, 3, 1, 1))
    waves = np.sin(2 * place[:, None] + phase) + np.cos(3 * place + phase)
    return np.clip(128 + 50 * waves + random.normal(0, 4, (count, 3, side, side)), 0, 255).astype(np.uint8)


def test_colour_images_that_do_not_fit_are_compressed_and_only_then_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """1,000 images of 32 x 32 are 3 MB of pixels, 1,500 of 64 x 64 are 18 MB; a page has 1.25 MB for them."""
    class_names = many_names(100)
    few = described(smooth_images(100, 32), 100, np.full(100, True), class_names)
    assert few["atlas"]["exact"]
    many = described(smooth_images(1000, 32), 100, np.full(1000, True), class_names)
    assert not many["atlas"]["exact"]
    assert len(many["images"]) == 1000
    assert len(json.dumps(many)) <= content.LIMIT
    monkeypatch.setattr(content, "MOST", 1200)
    large = np.tile(smooth_images(100, 64), (15, 1, 1, 1))
    too_many = described(large, 100, np.full(1500, True), class_names)
    assert not too_many["atlas"]["exact"]
    assert 300 < len(too_many["images"]) < 1200
    assert too_many["wrongImages"] == 1500
    assert len(json.dumps(too_many, ensure_ascii=False).encode()) <= content.LIMIT
    all_wrong = Classes(np.zeros(1500, np.uint8), np.ones((1, 1500), np.uint8), ("a",), (0,), ("torch",))
    assert len(content.wrong_images(all_wrong)) == 1200
