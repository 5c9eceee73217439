"""The picture on the landing page of the report: places, words and colours, read from its HTML."""

import xml.etree.ElementTree as ElementTree

import pandas as pd
import pytest

from normreg.report import landing
from normreg.report.palette import factor_color

MARGIN = 0.05
NONE = float("nan")


def effect(factor="L1", strength=1e-5, quantity="final_accuracy", level="effect", margin=MARGIN, **more):
    new = {"low_new_images": NONE, "high_new_images": NONE, "verdict_new_images": None, "images_for_equivalence": NONE}
    row = {"difference": 0.02, "low": -0.01, "high": 0.05, "verdict": "undecided", **new, **more}
    return {"level": level, "factor": factor, "strength": strength, "other": None, "quantity": quantity} | {
        "margin": margin,
        **row,
    }


def draw(*rows):
    return ElementTree.fromstring(landing.picture(pd.DataFrame(rows)))


def share(text):
    return float(text.removesuffix("%")) / 100


def drawings(root):
    """The drawing of every row, without the axis."""
    return [row.find("svg") for row in root.findall("div")]


def test_places_are_measured_from_zero_in_units_of_the_margin():
    """Wherever the axis begins: the middle of the zone is 0, half its width is the margin."""
    values = {"difference": 0.02, "low": -0.03, "high": 0.17}
    (row,) = drawings(draw(effect(**values)))
    zone = row.find("rect")
    half = share(zone.get("width")) / 2
    zero = share(zone.get("x")) + half
    line, interval = row.findall("line")
    assert share(line.get("x1")) == pytest.approx(zero, abs=2e-4)
    places = [row.find("svg").get("x"), interval.get("x1"), interval.get("x2")]
    expected = [zero + value / MARGIN * half for value in values.values()]
    assert [share(place) for place in places] == pytest.approx(expected, abs=3e-4)
    assert all(0 <= share(place) <= 1 for place in places)


def test_every_effect_of_the_accuracy_has_a_row_with_its_name_verdict_and_colour():
    root = draw(
        effect("L1", 1e-5, verdict="equivalent"),
        effect("L1", 1e-5, level="pair"),
        effect("GBN", 2, verdict="worse", difference=-0.2, low=-0.3, high=-0.1),
        effect("L1", 1e-5, level="interaction", other="GBN, 2 splits"),
        effect("L1", 1e-5, quantity="final_loss", margin=0.001),
    )
    first, second = (list(row.find("div")) for row in root.findall("div"))
    assert [each.text for each in first] == [
        "L1 1e-5",
        "accuracy: equivalent within 0.05 points; loss: undecided",
    ]
    assert [each.text for each in second] == ["GBN, 2 splits", "accuracy: worse"]
    colors = [f"color:{factor_color(label)}" for label in ("L1", "GBN")]
    assert [first[0].get("style"), second[0].get("style")] == colors
    faces = [drawing.find("svg/path").get("fill") for drawing in drawings(root)]
    assert faces == ["#fff", factor_color("GBN")]  # filled: a difference was found
    assert [each.tag for each in (first[1], second[1])] == ["span", "b"]


def test_one_seed_has_points_and_no_interval():
    root = draw(effect(low=NONE, high=NONE, verdict="too few seeds"))
    (drawing,) = drawings(root)
    assert len(drawing.findall("line")) == 1  # that of 0
    assert drawing.find("svg") is not None
    assert root.find("div/div/span").text == "too few seeds"
    assert factor_color("L1") not in ElementTree.tostring(root, encoding="unicode")  # nothing is judged
    assert "interval" not in root.find("figcaption").text


def test_numbers_of_the_axis_are_round_and_at_their_places():
    root = draw(effect())
    zone = drawings(root)[0].find("rect")
    half = share(zone.get("width")) / 2
    numbers = [(float(each.text.replace("−", "-")), share(each.get("x"))) for each in root.findall("svg/text")]
    assert 2 <= len(numbers) <= 5
    assert 0 in [value for value, _ in numbers]
    for value, place in numbers:
        assert place == pytest.approx(share(zone.get("x")) + half + value / MARGIN * half, abs=5e-4)


def test_a_collapse_makes_the_zone_invisible_and_the_caption_says_so():
    root = draw(effect(difference=-77.8, low=-124.4, high=-31.2, verdict="worse"))
    assert "the margin of ±0.05 is too narrow to see here" in root.find("figcaption").text
    assert "0" in [each.text for each in root.findall("svg/text")]


@pytest.mark.parametrize("rows", [[effect(difference=NONE, low=NONE, high=NONE)], [effect(level="interaction")]])
def test_nothing_to_draw_is_no_picture(rows):
    assert landing.picture(pd.DataFrame(rows)) == ""


def test_it_is_one_line_that_docutils_lets_through():
    core = pytest.importorskip("docutils.core")
    picture = landing.picture(pd.DataFrame([effect(), effect("GBN", 2)]))
    assert "\n" not in picture
    body = core.publish_parts(f".. raw:: html\n\n   {picture}\n\n- text", writer="html")["html_body"]
    assert picture in body
