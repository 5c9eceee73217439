"""Penalties and factors are told apart by readers who see fewer colours, and in grey print."""

import functools
import itertools
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from test_figures import EIGHT, TWELVE, lines, made_up, named

from normreg.config.factors import FACTORS, PENALTIES, condition_labels
from normreg.report import comparison, small_multiples, style
from normreg.report.looks import looks
from normreg.report.palette import PENALTY_STYLES, factor_color

# How colours look to readers without one kind of cone, on linear RGB. Machado, Oliveira and Fernandes, "A
# physiologically-based model for simulation of color vision deficiency", 2009, severity 1. Grey print keeps luminance.
SEEN = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "grey print": np.tile([0.2126, 0.7152, 0.0722], (3, 1)),
}
NUMBER_OF_PIXELS = 40  # side of the picture of a marker
APART = 30  # distance of two colours (CIE 1976) that is plain in thin lines and small text
BY_NAME = {f"{p}-{n}": (p, n) for p in PENALTIES for n in ("bn", "gbn")}


def linear_rgb(color: str) -> Any:
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(linear: Any) -> Any:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ np.clip(linear, 0, 1) / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(one: str, other: str, seen: Any) -> float:
    first, second = (lab(np.asarray(seen) @ linear_rgb(color)) for color in (one, other))
    return float(np.linalg.norm(first - second))


def contrast_on_white(color: str) -> float:
    """Of WCAG 2."""
    return float(1.05 / (linear_rgb(color) @ [0.2126, 0.7152, 0.0722] + 0.05))


@functools.cache
def silhouette(marker: str) -> Any:
    """The pixels that a marker covers, at four times its size in a figure. No colour, no size: its shape alone."""
    figure = Figure(figsize=(1, 1), dpi=NUMBER_OF_PIXELS)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.plot([0], [0], marker=marker, color="black", markersize=36)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., 0] < 128


def differ(one: str, other: str) -> float:
    """The share of the pixels of two markers that only one of them covers."""
    first, second = silhouette(one), silhouette(other)
    return float((first ^ second).sum() / (first | second).sum())


def test_simulations_keep_grey_and_confuse_what_they_should() -> None:
    """So that a wrong matrix is noticed: white stays white, and red and green of one luminance meet."""
    for matrix in SEEN.values():
        np.testing.assert_allclose(np.asarray(matrix).sum(axis=1), 1, atol=1e-3)
    red, green = "#b04a3a", "#5e7a2e"
    assert distance(red, green, SEEN["all cones"]) > 60
    assert distance(red, green, SEEN["deuteranopia"]) < 25
    assert distance("#c24a00", "#0066cc", SEEN["grey print"]) < APART < distance("#c24a00", "#0066cc", np.eye(3))


@pytest.mark.parametrize("kind", SEEN)
def test_two_penalties_differ_in_colour_or_in_shape(kind: str) -> None:
    for (name, one), (rival, other) in itertools.combinations(PENALTY_STYLES.items(), 2):
        shapes = [differ(a, b) for a, b in itertools.product(one.markers, other.markers)]
        assert distance(one.color, other.color, SEEN[kind]) > APART or min(shapes) > 0.05, (name, rival)
        assert kind == "grey print" or distance(one.color, other.color, SEEN[kind]) > APART


def test_first_markers_of_penalties_have_plainly_other_shapes() -> None:
    first = [penalty.markers[0] for penalty in PENALTY_STYLES.values()]
    assert min(differ(a, b) for a, b in itertools.combinations(first, 2)) > 0.15
    assert all(set(a.markers).isdisjoint(b.markers) for a, b in itertools.combinations(PENALTY_STYLES.values(), 2))


@pytest.mark.parametrize("conditions", [EIGHT, TWELVE])
def test_lines_that_differ_only_in_penalty_have_other_markers(conditions: list[tuple[str, str, str]]) -> None:
    """On the lines that are drawn. All of them show their markers."""
    courses = made_up(conditions, seeds=3)
    figure = comparison.draw(courses, "title", "validation_accuracy")
    for panel in ("all epochs", "last epochs"):
        drawn = lines(named(figure, panel))
        for (one, p, n), (other, q, m) in itertools.combinations(conditions, 2):
            if n == m and p != q:
                assert differ(drawn[one].get_marker(), drawn[other].get_marker()) > 0.05
                assert drawn[one].get_markevery()[1] <= 3
    multiples = small_multiples.draw(courses, "title", "validation_accuracy")
    for axes in multiples.axes:
        own = lines(axes)[axes.get_label()]
        assert own.get_marker() == lines(named(figure, "all epochs"))[axes.get_label()].get_marker()


@pytest.mark.parametrize("kind", ["all cones", "protanopia", "deuteranopia", "tritanopia"])
def test_factors_of_the_effects_have_colours_of_their_own(kind: str) -> None:
    """Group L2 takes the place of L2, so both have its colour. Black is for "none" and interactions."""
    colors = [factor_color(label) for label in ("L1", "L2", "GBN")] + [PENALTY_STYLES["none"].color]
    assert factor_color("group L2") == factor_color("L2") == factor_color("L2 (decoupled)")
    assert min(distance(a, b, SEEN[kind]) for a, b in itertools.combinations(colors, 2)) > APART
    assert factor_color("GBN") not in {penalty.color for penalty in PENALTY_STYLES.values()}


def test_text_has_the_contrast_of_wcag() -> None:
    inks = {penalty.color for penalty in PENALTY_STYLES.values()} | {factor_color(factor) for factor in FACTORS}
    assert min(contrast_on_white(color) for color in inks | {style.GREY}) >= 4.5


def test_shades_of_lines_are_not_too_pale() -> None:
    for penalty in PENALTIES:
        found = looks(made_up([(f"{penalty}-bn-{i}", penalty, "bn") for i in range(5)])).values()
        assert min(contrast_on_white(look.color) for look in found) > 2.4
        assert min(contrast_on_white(look.color) for look in list(found)[:3]) >= 3


# --- names -----------------------------------------------------------------------------------------------------------


def test_the_eight_conditions_are_called_by_penalty_and_norm() -> None:
    assert list(condition_labels(BY_NAME).values()) == [
        *("none · BN", "none · GBN", "L1 · BN", "L1 · GBN", "L2 · BN", "L2 · GBN", "L1+L2 · BN", "L1+L2 · GBN")
    ]


def test_a_condition_with_its_own_name_keeps_it_where_labels_are_not_enough() -> None:
    weak, strong = {"weak": ("l1", "bn"), "strong": ("l1", "bn")}, {"l1-bn-readme": ("l1", "bn")}
    assert condition_labels(weak) == {"weak": "weak", "strong": "strong"}
    assert condition_labels({"weak": ("l1", "bn")}) == {"weak": "L1 · BN"}
    assert condition_labels({"l1-bn": ("l1", "bn")} | strong) == {"l1-bn": "L1 · BN", "l1-bn-readme": "l1-bn-readme"}
    assert condition_labels({"l2-bn": ("l1", "bn"), "l1-bn": ("l1", "bn")}) == {"l2-bn": "l2-bn", "l1-bn": "L1 · BN"}


def test_no_two_conditions_have_one_label() -> None:
    for conditions in (EIGHT, TWELVE):
        assert len(set(condition_labels({name: (p, n) for name, p, n in conditions}).values())) == len(conditions)
