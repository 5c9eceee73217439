"""The explorer of colour images of 1,000 classes with long names, in Chromium. The data are made up, without a run."""

import numpy as np
import pytest
from looking import VIEWS, overflow, serious
from test_explorer import shown

from normreg.analysis.agreement import Classes
from normreg.data.dataset import Dataset
from normreg.report.explorer import content, curves, page
from normreg.report.job import Course

COUNT, IMAGES = 1000, 1000
NAMES = [f"Eine lange Bezeichnung für die Klasse mit der Nummer {number:04d} …" for number in range(COUNT)]
NAMES[:4] = [
    "crane (bird)",
    "crane (machine)",
    "cat (cats)",
    "Rindfleischetikettierungsueberwachungsaufgabenuebertragungsg",
]
LABELS = np.arange(IMAGES, dtype=np.uint16)
PREDICTED = np.stack([(LABELS + 1) % COUNT, np.where(LABELS < 500, LABELS, (LABELS + 300) % COUNT)]).astype(np.uint16)


def write(path, pixels):
    """A page about two runs: the first takes class k for k + 1, the second gets the first 500 images right."""
    found = Classes(LABELS, PREDICTED, ("none-bn", "l1-bn"), (0, 0), ("torch",) * 2)
    data = Dataset(pixels, LABELS, pixels, LABELS, np.array(NAMES))
    images = content.wrong_images(found)
    described = content.describe_mistakes(data, found, images, np.full((2, len(images)), 0.5), [])
    accuracy = np.array([[50.0, 60.0]])
    courses = [Course(f"{penalty}-bn", penalty, "bn", (0,), np.array([1, 2]), accuracy) for penalty in ("none", "l1")]
    by_metric = dict.fromkeys(curves.METRICS, courses)
    sgd = {"name": "sgd", "lr": 0.01, "momentum": 0.9, "nesterov": False}
    conditions = {
        name: {"lambdas": {"l1": strength, "l2": 0, "group_l2": 0}, "optimizer": sgd}
        for name, strength in (("none-bn", 0), ("l1-bn", 1e-5))
    }
    page.write(path, "Explorer", {**curves.describe(by_metric, conditions), **described, "same": []}, by_metric)
    return path.as_uri(), described


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (IMAGES, 3, 5, 9), dtype=np.uint8)


@pytest.fixture(scope="module")
def exact(tmp_path_factory, pixels):
    """The address of a page whose images are small enough to stay as they are."""
    address, described = write(tmp_path_factory.mktemp("exact") / "e.html", pixels)
    assert described["atlas"]["exact"]
    return address


def colours(page, number):
    """The pixels of a tile, (3, height, width)."""
    code = "canvas => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]"
    canvas = page.locator("#tiles canvas").nth(number)
    width, height = canvas.evaluate("canvas => [canvas.width, canvas.height]")
    return np.array(canvas.evaluate(code)).reshape(height, width, 4)[..., :3].transpose(2, 0, 1)


def test_filters_know_classes_above_255(exact, visit):
    page = visit(f"{exact}#view=mistakes")
    assert page.locator("[name=actual] option").count() == page.locator("[name=taken] option").count() == 1 + COUNT
    page.locator("[name=actual]").select_option("700")
    assert shown(page) == [700]
    page.locator("[name=actual]").select_option("")
    page.locator("[name=taken]").select_option("900")
    assert sorted(shown(page)) == [600, 899]
    page.locator("#tiles button").first.click()
    cells = page.locator("#predictions td")
    assert sorted(cells.nth(n).get_attribute("title") for n in range(2)) == [NAMES[601], NAMES[900]]


def test_choices_are_only_classes_that_occur(tmp_path, visit, monkeypatch):
    """The page has the first 100 images; they are taken for the classes 1 to 100."""
    monkeypatch.setattr(content, "MOST", 100)
    monkeypatch.setattr(content, "wrong_images", lambda found: np.arange(100))
    address, _ = write(tmp_path / "e.html", np.zeros((IMAGES, 3, 8, 8), np.uint8))
    page = visit(f"{address}#view=mistakes")
    for name, expected in (("actual", range(100)), ("taken", range(1, 101))):
        values = page.locator(f"[name={name}] option").evaluate_all("all => all.map((one) => one.value)")
        assert values == ["", *map(str, expected)]


def test_tiles_show_each_image_in_colour_and_its_proportions(exact, visit, pixels):
    page = visit(f"{exact}#view=mistakes&order=image")
    for number in (0, 1, 37):
        assert np.array_equal(colours(page, number), pixels[number])
    box = page.locator("#tiles canvas").first.bounding_box()
    assert box["width"] / box["height"] == pytest.approx(9 / 5, abs=0.02)
    assert page.locator("#meaning").text_content() == ""


def test_compressed_images_stand_in_their_places_and_the_page_says_so(tmp_path, visit):
    """Each image of one colour, of sides that are no multiples of a block."""
    shade = np.random.default_rng(0).integers(0, 256, (IMAGES, 3, 1, 1))
    flat = np.tile(shade, (1, 1, 33, 41)) + np.random.default_rng(1).integers(-9, 10, (IMAGES, 3, 33, 41))
    flat = np.clip(flat, 0, 255).astype(np.uint8)
    address, described = write(tmp_path / "e.html", flat)
    assert not described["atlas"]["exact"]
    page = visit(f"{address}#view=mistakes&order=image")
    for number, image in list(enumerate(sorted(described["images"])))[:40:13]:
        assert colours(page, number).mean(axis=(1, 2)) == pytest.approx(flat[image].mean(axis=(1, 2)), abs=2)
    assert "compressed" in page.locator("#meaning").text_content()


def test_names_are_short_in_tiles_but_never_alike(exact, visit):
    page = visit(f"{exact}#view=mistakes&order=image")
    texts = page.locator("#tiles .classes").all_text_contents()
    assert texts[0] == "crane (bird) → crane (machine)"
    assert texts[1] == "crane (machine) → cat"
    assert texts[2] == "cat → Rindfleischetik…rtragungsg"
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_long_names_do_not_widen_the_page(exact, visit, width, scheme):
    page = visit(f"{exact}#view=mistakes&order=image", width, scheme)
    assert overflow(page) <= 0
    assert serious(page) == []
    page.locator("#tiles button").nth(2).click()
    dialog = page.locator("#detail")
    assert dialog.evaluate("one => one.scrollWidth - one.clientWidth") <= 0
    assert overflow(page) <= 0
