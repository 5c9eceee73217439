"""Figures of studies with 14 to 50 conditions: all can be read, and the lines are the data."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from test_figures import EIGHT, assert_readable, course, least_text, legend_of, lines, made_up, named, texts

from normreg.analysis import weights as analysis
from normreg.analysis.agreement import Flips
from normreg.config import studies
from normreg.config.factors import LAMBDAS
from normreg.config.labels import Named, name_conditions
from normreg.report import agreement as agreement
from normreg.report import comparison, small_multiples
from normreg.report import weights as weights
from normreg.report.axes import Time
from normreg.report.explorer import curves
from normreg.report.job import Course
from normreg.report.looks import MANY
from normreg.training.loop import validates

Made = tuple[list[Course], dict[str, Named]]


def of_study(name: str, seeds: int = 5) -> Made:
    """Courses of a shipped study, with the epochs in which it validates."""
    run, rng, made = studies.load_named_run(name), np.random.default_rng(0), []
    for condition, settings in run.conditions.items():
        epochs = np.array([e for e in range(1, settings["epochs"] + 1) if validates(settings, e)])
        rise = 100 - 25 * np.exp(-4 * epochs / epochs[-1]) - 10 * settings["lambdas"]["l1"]
        values = rise + rng.normal(0, 0.03, (seeds, len(epochs)))
        seen = tuple(range(seeds))
        made.append(Course(condition, settings["penalty"], settings["norm"], seen, epochs, values))
    return made, name_conditions(run.conditions, run.declared)


def fifty(seeds: int = 5) -> Made:
    """Six strengths of each of the eight conditions, and two conditions with names of their own."""
    conditions: list[tuple[str, str, str]] = []
    found: dict[str, Named] = {}
    for name, penalty, norm in EIGHT:
        for power in range(6):
            copy = f"{name}-{power}"
            conditions.append((copy, penalty, norm))
            found[copy] = {"label": f"{penalty} 1e-{power} {norm}", "level": f"1e-{power}", "shade": 1 - power / 5}
    for name in ("l1-bn-readme", "none-gbn-of-somebody"):
        conditions.append((name, name.split("-")[0], name.split("-")[1]))
        found[name] = {"label": name, "level": name, "shade": None}
    return made_up(conditions, seeds=seeds), found


def one_kind(seeds: int = 5) -> Made:
    """Fifty strengths of one condition."""
    names = [f"l1-bn-{number}" for number in range(50)]
    found: dict[str, Named] = {
        name: {"label": f"L1 {place} · BN", "level": str(place), "shade": place / 49}
        for place, name in enumerate(names)
    }
    return made_up([(name, "l1", "bn") for name in names], seeds=seeds), found


def long_names(seeds: int = 10) -> Made:
    """Twenty conditions whose names are as long as a sentence."""
    names = [f"l1-bn-with-a-name-that-says-all-that-somebody-had-in-mind-{number}" for number in range(20)]
    found: dict[str, Named] = {name: {"label": name, "level": name, "shade": None} for name in names}
    return made_up([(name, "l1", "bn") for name in names], seeds=seeds), found


STUDIES = {
    "20 with long names": long_names,
    "14": lambda: of_study("l1-strength-5k"),
    "7": lambda: of_study("ghost-size-5k"),
    "32": lambda: of_study("little-data"),
    "50": fifty,
    "50 of one kind": one_kind,
}


@pytest.mark.parametrize("study", STUDIES)
def test_the_graph_and_its_panels_can_be_read(study: str) -> None:
    courses, found = STUDIES[study]()
    figure = comparison.draw(courses, "Validation accuracy", "validation_accuracy", found)
    assert_readable(figure)
    assert least_text(figure) >= 9
    assert figure.get_figheight() <= 1.1 * figure.get_figwidth()
    panels = small_multiples.draw(courses, "Validation accuracy", "validation_accuracy", found)
    assert_readable(panels)
    assert panels.get_figheight() <= panels.get_figwidth()


@pytest.mark.parametrize("study", ["14", "32", "50"])
def test_many_conditions_have_lines_without_ranges_and_final_values_in_the_legend(study: str) -> None:
    courses, found = STUDIES[study]()
    figure = comparison.draw(courses, "title", "validation_accuracy", found)
    assert [axes.get_label() for axes in figure.axes] == ["all epochs", "last epochs"]
    assert "median over 5 seeds" in texts(figure)
    for panel in ("all epochs", "last epochs"):
        assert list(lines(named(figure, panel))) == [one.condition for one in courses]
        assert not named(figure, panel).collections
    finals = (f"{np.median(one.values[:, -1]):.2f} {found[one.condition]['label']}" for one in courses)
    assert legend_of(figure) == list(finals)


def test_strengths_go_from_light_to_dark() -> None:
    figure = comparison.draw(
        *of_study("l1-strength-5k")[:1], "title", "validation_accuracy", of_study("l1-strength-5k")[1]
    )
    order = [text.split()[2] for text in legend_of(figure) if " L1 " in text and text.endswith(" BN")]
    assert sorted(order, key=float) == ["1e-6", "1e-5", "1e-4", "1e-3", "0.01", "0.1"]
    own = lines(named(figure, "all epochs"))
    copies = ["l1-bn-l1-1e-6", "l1-bn", *(f"l1-bn-l1-{value}" for value in ("1e-4", "1e-3", "0p01", "0p1"))]
    bright = [sum(to_rgb(own[name].get_color())) for name in copies]
    assert bright == sorted(bright, reverse=True)


def test_runs_of_very_different_length_are_drawn_by_their_share() -> None:
    courses = [course("none-bn", "none", "bn", np.linspace(90, 99, n)) for n in (5, 50)]
    long = Course("l1-bn", "l1", "bn", (0,), np.array([8, 16, 20]), np.array([[90.0, 95, 96]]))
    figure = comparison.draw([courses[0], long], "title", "validation_accuracy")
    drawn = lines(named(figure, "all epochs"))
    np.testing.assert_allclose(drawn["none-bn"].get_xdata(), [20, 40, 60, 80, 100])
    np.testing.assert_allclose(drawn["l1-bn"].get_xdata(), [40, 80, 100])
    assert named(figure, "all epochs").get_xlabel() == "share of the run (%), 5 to 20 epochs"
    assert "last 20 %, enlarged" in texts(figure)
    assert "96.00 L1 · BN" in legend_of(figure)
    assert_readable(figure)
    few = comparison.draw([course("none-bn", "none", "bn", np.linspace(90, 99, 7)), long], "t", "validation_accuracy")
    np.testing.assert_array_equal(lines(named(few, "all epochs"))["l1-bn"].get_xdata(), [8, 16, 20])
    assert named(few, "all epochs").get_xlabel() == "epoch"


def test_many_conditions_share_panels_by_penalty_and_norm() -> None:
    courses, found = fifty()
    figure = small_multiples.draw(courses, "title", "validation_accuracy", found)
    assert [axes.get_label() for axes in figure.axes] == [
        *(f"{p}-{n}" for n in ("bn", "gbn") for p in ("none", "l1", "l2", "l1l2"))
    ]
    for axes in figure.axes:
        own = [one for one in courses if f"{one.penalty}-{one.norm}" == axes.get_label()]
        assert len(axes.collections) == len(own)  # their bands
        front = {name for name, line in lines(axes).items() if line.get_zorder() == 3}
        assert front == {one.condition for one in own}
    assert "1e-5 (light) to 1e-0 (dark)" in texts(figure)


@pytest.mark.parametrize("study", ["32", "50"])
def test_sizes_of_weights_of_many_conditions_can_be_read(study: str) -> None:
    courses, found = STUDIES[study]()
    shares = np.tile(np.linspace(1, 20, len(analysis.SHARES))[:, None], (1, 3)) * (0.9, 0.8, 1.1)
    layers = tuple(rf"$\conv{number}$" for number in range(1, 8))  # as formulas they would be wrong
    sizes = [
        weights.Sizes(one.condition, one.penalty, one.norm, 5, 0.01, shares, layers, np.ones(7), np.linspace(60, 99, 7))
        for one in courses
    ]
    figure = weights.draw(sizes, "Sizes of the weights", found)
    assert_readable(figure)
    assert not named(figure, "shares").collections
    assert "weights of the saved models, mean over 5 seeds" in texts(figure)
    assert figure.get_figheight() <= 1.1 * figure.get_figwidth()


def test_of_many_factors_those_are_shown_that_change_most() -> None:
    """Factor i fixes i images and breaks 12 - i: factors 4 to 8 are the least one-sided."""
    changes = []
    for number in range(13):
        fixed, broken = np.zeros(30, int), np.zeros(30, int)
        fixed[:number], broken[number:12] = 1, 1
        changes.append(Flips(f"factor {number}", 1, fixed, broken, 0, 0, 0.0))
    assert [one.name for one in agreement._strongest(changes)] == [f"factor {i}" for i in (0, 1, 2, 3, 9, 10, 11, 12)]
    assert agreement._strongest(changes[:8]) == changes[:8]


# --- the explorer


def described(courses: Sequence[Course], found: Mapping[str, Named]) -> dict[str, Any]:
    conditions: Any = {
        one.condition: {"optimizer": {"name": "sgd"}, "lambdas": dict.fromkeys(LAMBDAS, 0)} for one in courses
    }
    return curves.describe(dict.fromkeys(curves.METRICS, courses), conditions, found)


def test_the_explorer_has_the_labels_and_a_group_for_each_value() -> None:
    courses, found = of_study("little-data", seeds=1)
    data = described(courses, found)
    assert [one["label"] for one in data["conditions"]] == [found[one.condition]["label"] for one in courses]
    levels = {group["label"]: group["members"] for group in data["groups"] if group["label"].endswith("images")}
    assert list(levels) == ["300 images", "1,000 images", "5,000 images", "all images"]
    for level, members in levels.items():
        assert members == [i for i, one in enumerate(courses) if found[one.condition]["level"] == level]


def test_the_explorer_puts_runs_of_very_different_length_on_one_axis() -> None:
    long = Course("l1-bn", "l1", "bn", (0,), np.array([1, 3, 300, 400]), np.array([[1.0, 2, 3, 4]]))
    short = Course("none-bn", "none", "bn", (0,), np.array([1, 4]), np.array([[5.0, 6]]))
    data = described([long, short], {one: dict(found) for one, found in PLAIN.items()})  # type: ignore[misc]
    assert data["shares"]
    assert [(one["epochs"], one["last"]) for one in data["conditions"]] == [(100, 400), (100, 4)]
    first, second = (one[0] for one in data["metrics"]["validation_accuracy"]["values"])
    assert {place: value for place, value in enumerate(first, 1) if value is not None} == {1: 2.0, 75: 3.0, 100: 4.0}
    assert {place: value for place, value in enumerate(second, 1) if value is not None} == {25: 5.0, 100: 6.0}
    assert Time.of([short, short]) == Time(False, 4, 4)


PLAIN: dict[str, Named] = {
    "l1-bn": {"label": "L1 · BN", "level": "", "shade": None},
    "none-bn": {"label": "none · BN", "level": "", "shade": None},
}


def test_these_studies_are_large() -> None:
    assert [len(make()[0]) > MANY for make in STUDIES.values()] == [True, True, False, True, True, True]
