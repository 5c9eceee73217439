"""The data of the explorer and its page, without a browser: tests/browser has the rest."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from normreg.analysis import agreement, predictions
from normreg.analysis.agreement import Classes
from normreg.analysis.contrasts import Contrast
from normreg.data.dataset import Dataset
from normreg.report.explorer import assets, content, curves, page
from normreg.report.job import Course

NASTY = '</script><script>alert("x")</script><!-- & {{script}} \\'


def pixels_of(atlas):
    data = base64.b64decode(atlas["source"].removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(data)))


def tile(atlas, number):
    row, column = divmod(number, atlas["columns"])
    top, left = row * atlas["height"], column * atlas["width"]
    return pixels_of(atlas)[top : top + atlas["height"], left : left + atlas["width"]]


# --- sprites


@pytest.mark.parametrize("shape", [(1, 28, 28), (7, 5, 9), (12, 1, 8, 8), (5, 3, 6, 4), (10, 3, 64, 64)])
def test_each_image_stands_in_its_place_of_the_atlas(shape):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    atlas = content.atlas(images)
    assert (atlas["height"], atlas["width"]) == shape[-2:]
    assert atlas["gray"] == (len(shape) == 3 or shape[1] == 1)
    for number, image in enumerate(images):
        expected = image if image.ndim == 2 else image[0] if len(image) == 1 else np.moveaxis(image, 0, 2)
        assert np.array_equal(tile(atlas, number), expected)


def test_large_images_become_smaller_and_keep_their_proportions():
    images = np.zeros((3, 3, 100, 200), np.uint8)
    images[1, 0] = 200
    atlas = content.atlas(images)
    assert (atlas["height"], atlas["width"]) == (32, 64)
    assert np.array_equal(tile(atlas, 1), np.broadcast_to(np.array([200, 0, 0], np.uint8), (32, 64, 3)))


def test_no_image_at_all_is_an_atlas_too():
    assert content.atlas(np.zeros((0, 28, 28), np.uint8))["columns"] == 1


# --- mistakes


def test_confidence_is_the_softmax_of_the_predicted_class(tmp_path):
    """By hand: logits 0 and ln 3 give 1/4 and 3/4; nine zeros and ln 9 give 1/2."""
    logits = np.full((2, 10), -1e9)
    logits[0, :2] = 0, np.log(3)
    logits[1] = 0
    logits[1, 4] = np.log(9)
    labels = np.array([1, 4], np.uint8)
    predictions.save(tmp_path / "p.npz", logits, labels, "me", "torch")
    runs = [{"condition": name, "identity": "me"} for name in "ab"]
    found = agreement.confidences([tmp_path / "p.npz"] * 2, runs, labels, {"a": "a", "b": "a"}, np.array([1, 0]))
    assert found == pytest.approx(np.array([[0.5, 0.75]]))


@pytest.fixture
def four():
    predicted = np.array([[0, 9, 2, 8], [0, 1, 2, 8], [0, 9, 9, 7], [0, 1, 2, 3]], np.uint8)
    names = ("none-bn", "l1-bn", "none-gbn", "l1-gbn")
    return Classes(np.arange(4, dtype=np.uint8), predicted, names, (7,) * 4, ("torch",) * 4)


@pytest.fixture
def described(four):
    images = np.arange(4 * 28 * 28, dtype=np.uint8).reshape(4, 28, 28)
    names = np.array([NASTY, *"123456789"])
    data = Dataset(images, four.labels, images, four.labels, names)
    chosen = content.wrong_images(four)
    sure = np.linspace(0.1, 0.99999, 12).reshape(4, 3)
    pairs = [Contrast("L1", 1e-5, "none-bn", "l1-bn"), Contrast("L1", 1e-5, "none-gbn", "l1-gbn")]
    return content.describe_mistakes(data, four, chosen, sure, agreement.flips(pairs, four)), sure


def test_the_images_that_some_run_gets_wrong_are_there_most_missed_first(described):
    found, _ = described
    assert found["images"] == found["labels"] == [3, 1, 2]
    assert (found["wrongImages"], found["testImages"]) == (3, 4)
    (change,) = found["changes"]
    assert change == {"name": "L1 1e-5", "comparisons": 2, "fixed": [1, 2, 1], "broken": [0, 0, 0]}


def test_predictions_and_confidences_can_be_read_back(described, four):
    found, sure = described
    predicted = np.frombuffer(base64.b64decode(found["predicted"]), np.uint8).reshape(4, 3)
    assert np.array_equal(predicted, four.predicted[:, [3, 1, 2]])
    hundredths = np.frombuffer(base64.b64decode(found["confidence"]), "<u2").reshape(4, 3)
    assert (hundredths / 10_000 <= sure).all()
    assert (hundredths / 10_000 > sure - 0.0001).all()


def test_the_least_missed_images_are_left_out_of_a_page_that_would_be_too_large(monkeypatch):
    """400 images of noise, the first of them missed by both runs."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (400, 28, 28), dtype=np.uint8)
    predicted = np.ones((2, 400), np.uint8)
    predicted[1, 100:] = 0
    labels = np.zeros(400, np.uint8)
    found = Classes(labels, predicted, ("a", "b"), (0, 0), ("torch",) * 2)
    data = Dataset(pixels, labels, pixels, labels, np.array(list("0123456789")))
    images = content.wrong_images(found)
    for limit, least, most in ((1_250_000, 400, 400), (200_000, 120, 200)):
        monkeypatch.setattr(content, "LIMIT", limit)
        shown = content.describe_mistakes(data, found, images, np.full((2, 400), 0.5), [])
        assert least <= len(shown["images"]) <= most
        assert shown["images"] == images[: len(shown["images"])].tolist()
        assert len(json.dumps(shown)) <= limit
        assert len(base64.b64decode(shown["confidence"])) == 4 * len(shown["images"])
        assert shown["wrongImages"] == 400
    monkeypatch.setattr(content, "LIMIT", 1_250_000)
    shown = content.describe_mistakes(
        data, found, images, np.full((2, 400), 0.5), [], 1_250_000 - 200_000 + content.OTHERS
    )
    assert 120 <= len(shown["images"]) <= 200  # the curves leave 200,000 bytes


# --- curves


def course(name, penalty, norm, values):
    array = np.array(values, float)
    return Course(name, penalty, norm, tuple(range(len(array))), np.arange(1, array.shape[1] + 1), array)


@pytest.fixture
def courses():
    return [
        course("none-bn", "none", "bn", [[90.0, 99.123456789], [91.0, float("nan")]]),
        course("l1-gbn", "l1", "gbn", [[90.0, 98.0]]),
        course("both", "l1l2", "bn", [[1.0, 2.0]]),
    ]


CONDITIONS = {
    "none-bn": {"optimizer": {"name": "sgd", "lr": 0.1}, "lambdas": {"l1": 0, "l2": 0, "group_l2": 0}},
    "l1-gbn": {"optimizer": {"name": "sgd", "lr": 0.1}, "lambdas": {"l1": 1e-5, "l2": 0, "group_l2": 0}},
    "both": {"optimizer": {"name": "sgd", "lr": 0.1}, "lambdas": {"l1": 1e-5, "l2": 1e-4, "group_l2": 0}},
}


def test_values_are_short_and_unknown_ones_are_null(courses):
    found = curves.describe(dict.fromkeys(curves.METRICS, courses), CONDITIONS)
    assert found["metrics"]["validation_accuracy"]["values"][0] == [[90.0, 99.1235], [91.0, None]]
    assert [one["label"] for one in found["conditions"]] == ["none · BN", "L1 · GBN", "L1+L2 · BN"]
    assert [one["filled"] for one in found["conditions"]] == [True, False, True]
    assert all(re.fullmatch(r"(M[-\d. L]+Z)+", one["marker"]) for one in found["conditions"])


def test_conditions_are_grouped_by_penalty_norm_and_factor_and_no_group_is_there_twice(courses):
    found = {tuple(group["members"]): group["label"] for group in curves.groups(courses, CONDITIONS)}
    expected = {(0,): "penalty none", (1,): "penalty L1", (2,): "penalty L1+L2", (0, 2): "BN", (1, 2): "with L1"}
    assert found == expected  # GBN has the members of "penalty L1", "with L2" those of "penalty L1+L2"


@pytest.mark.parametrize("color", ["#1a1a1a", "#d55e00", "#0066cc", "#b04c90", "#000000", "#ffffff", "#123456"])
def test_lines_can_be_read_on_the_dark_page(color):
    """The contrast of WCAG 2.2, for the background in the style sheet."""
    dark = assets.read("explorer.css").split("prefers-color-scheme: dark")[1]
    back = re.search(r"--back: (#\w{6})", dark).group(1)
    luminance = []
    for shown in (back, curves.for_dark(color)):
        parts = [int(shown[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        luminance.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    assert (luminance[1] + 0.05) / (luminance[0] + 0.05) >= 4.5


# --- the page


@pytest.fixture
def written(tmp_path, courses, described):
    by_metric = dict.fromkeys(curves.METRICS, courses)
    data = {**curves.describe(by_metric, CONDITIONS), **described[0], "same": content.same_runs({"a": "a", "b": "a"})}
    page.write(tmp_path / "e.html", f"Explorer {NASTY}", data, by_metric)
    return (tmp_path / "e.html").read_text(encoding="utf-8"), data


def test_the_page_holds_the_data_whatever_the_names_are(written):
    text, data = written
    (embedded,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert json.loads(embedded) == data
    assert json.loads(embedded)["classes"][0] == NASTY
    assert 'alert("x")</script>' not in text
    assert text.count("</script>") == 2


def test_the_page_needs_nothing_from_elsewhere(written):
    text, _ = written
    found = set(re.findall(r"https?://[^\s\"'`]+", text))
    assert found == {"http://www.w3.org/2000/svg"}  # a name, never fetched
    assert re.findall(r"\b(?:src|href)=\"(?!data:)", text) == []
    assert "@import" not in text


def test_the_table_of_final_values_needs_no_script(written, html_tables):
    (rows,) = html_tables(written[0])
    assert rows[0][:4] == ["condition", "last epoch", "seeds", "validation accuracy %"]
    assert rows[2][:4] == ["L1 · GBN", "2", "1", "98.00"]


def test_the_facts_count(written):
    assert "3 conditions, 2 seeds, 4 runs. 3 of 4 test images are missed by one or more runs." in written[0]


def test_every_file_of_the_page_counts_for_its_digest(monkeypatch, tmp_path):
    before = assets.digest()
    for name in assets.FILES:
        (tmp_path / name).write_text(assets.read(name), encoding="utf-8")
    folder = assets.FOLDER
    assert {path.name for path in folder.iterdir() if path.suffix in (".html", ".css", ".js")} == {
        path.name for path in tmp_path.iterdir()
    }
    monkeypatch.setattr(assets, "FOLDER", tmp_path)
    assert assets.digest() == before
    for name in assets.FILES:
        text = (tmp_path / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text + " ", encoding="utf-8")
        assert assets.digest() != before
        (tmp_path / name).write_text(text, encoding="utf-8")
