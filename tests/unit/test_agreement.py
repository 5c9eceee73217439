"""Two models by McNemar's test, and images that runs miss together: against published and hand-made numbers."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from normreg.analysis import agreement, predictions
from normreg.analysis.agreement import Classes
from normreg.analysis.contrasts import Contrast
from normreg.data.dataset import Dataset
from normreg.data.specs import DATASETS
from normreg.errors import DataError
from normreg.report import agreement as figures
from normreg.report import agreement as page
from normreg.report import mcnemar as mcnemar_page
from normreg.utils import tables

STUDY = "digits/x 0123456789abcdef"
NAMES = [str(name) for name in DATASETS["digits"].class_names]
L1 = [Contrast("L1", 1e-5, "none-bn", "l1-bn"), Contrast("L1", 1e-5, "none-gbn", "l1-gbn")]
GBN = Contrast("GBN", 2, "none-bn", "none-gbn")


def make_classes(runs, engines=None):
    """Classes of six images of the classes 0 to 5. `runs` has, for each (condition, seed), the classes it predicts."""
    names, seeds = zip(*runs, strict=True)
    predicted = np.array(list(runs.values()), np.uint8)
    return Classes(np.arange(6, dtype=np.uint8), predicted, names, seeds, engines or ("torch",) * len(runs))


@pytest.fixture
def four():
    """Two pairs with one seed. Right is 0, 1, 2, 3, 4, 5; all miss image 5."""
    return make_classes(
        {
            ("none-bn", 7): [9, 1, 2, 3, 4, 8],
            ("l1-bn", 7): [0, 9, 2, 3, 4, 8],
            ("none-gbn", 7): [9, 1, 2, 9, 4, 8],
            ("l1-gbn", 7): [0, 9, 2, 3, 4, 7],
        }
    )


# --- reading


def test_classes_of_equal_conditions_are_read_once(tmp_path):
    labels = np.array([0, 1, 2], np.uint8)
    runs, paths = [], []
    for name, predicted in {"a": [0, 1, 1], "b": [0, 0, 0], "c": [2, 2, 2]}.items():
        paths.append(tmp_path / f"{name}.npz")
        predictions.save(paths[-1], np.eye(10)[predicted], labels, name, "numba")
        runs.append({"condition": name, "seed": 3, "identity": name})
    found = agreement.read(paths, runs, labels, {"a": "a", "b": "a", "c": "c"})
    assert (found.conditions, found.seeds, found.engines) == (("a", "c"), (3, 3), ("numba", "numba"))
    assert found.predicted.tolist() == [[0, 1, 1], [2, 2, 2]]
    assert found.predicted.dtype == np.uint8
    assert found.wrong.tolist() == [[False, False, True], [True, True, False]]
    runs[2]["identity"] = "digits/x/c/seed4 0"
    with pytest.raises(DataError, match=r"c\.npz"):
        agreement.read(paths, runs, labels, {"a": "a", "b": "a", "c": "c"})


# --- two models


def test_mcnemar_as_published():
    """Agresti's approval ratings (Categorical Data Analysis, matched pairs): 150 and 86 changed their minds.

    R's exact2x2 gives p = 3.716e-05.
    """
    assert agreement.mcnemar(150, 86) == agreement.mcnemar(86, 150) == pytest.approx(3.716e-05, rel=1e-4)


@pytest.mark.parametrize(("one", "other"), [(10, 2), (1, 9), (13, 14), (5, 5), (0, 6), (2, 0), (0, 1)])
def test_mcnemar_is_twice_the_binomial_tail(one, other):
    n = one + other
    tail = sum(math.comb(n, k) for k in range(min(one, other) + 1)) / 2**n
    assert agreement.mcnemar(one, other) == pytest.approx(min(1.0, 2 * tail))


def test_models_that_never_differ_have_p_1():
    assert agreement.mcnemar(0, 0) == 1.0


def test_the_four_counts_by_hand(four):
    first, second, _ = agreement.compare_models([*L1, GBN], four, 7).to_dict("records")
    counts = ("both_right", "only_with", "only_without", "both_wrong")
    assert [first[name] for name in counts] == [3, 1, 1, 1]
    assert [second[name] for name in counts] == [2, 2, 1, 1]
    assert (first["without"], first["with"], first["seed"], first["engine"]) == ("none-bn", "l1-bn", 7, "torch")


def test_p_is_adjusted_over_the_pairs():
    """Holm by hand: 12 images for one pair (p = 2/4096), 6 for the other (p = 2/64)."""
    right = np.zeros(20, np.uint8)
    twelve, six = right.copy(), right.copy()
    twelve[:12], six[:6] = 1, 1
    runs = ("none-bn", "l1-bn", "none-gbn", "l1-gbn")
    found = Classes(right, np.array([twelve, right, six, right]), runs, (0,) * 4, ("torch",) * 4)
    table = agreement.compare_models(L1, found, 0)
    assert table["p"].tolist() == pytest.approx([2 / 4096, 2 / 64])
    assert table["p_adjusted"].tolist() == pytest.approx([4 / 4096, 2 / 64])


def test_the_models_are_those_of_the_seed_that_is_asked_for(four):
    assert agreement.compare_models(L1, four, 8).empty


def test_mcnemars_page_says_what_it_is_about(tmp_path, four, html_tables):
    mixed = make_classes(
        dict(zip(zip(four.conditions, four.seeds, strict=True), four.predicted, strict=True)),
        ("torch", "numba", "torch", "torch"),
    )
    table = agreement.compare_models(L1, mixed, 7)
    tables.write_frame(tmp_path / "m.csv", mcnemar_page.TABLE, table, STUDY)
    assert tables.read_frame(tmp_path / "m.csv", mcnemar_page.TABLE)["engine"].tolist() == [
        "torch and numba",
        "torch",
    ]
    mcnemar_page.write(tmp_path / "m.html", "Models <x>", table)
    text = (tmp_path / "m.html").read_text(encoding="utf-8")
    assert "two saved models, those of seed 7" in text
    assert "does not say what L1, L2 or ghost batch norm do" in text
    assert "No pair of models differs by more than chance" in text
    assert "Different engines trained the two models of: l1-bn and none-bn." in text
    (rows,) = html_tables(text)
    assert rows[1] == ["L1 1e-5", "l1-bn", "none-bn", "3", "1", "1", "1", "1.000", "1.000"]


def test_mcnemars_page_of_a_study_without_pairs_says_why(tmp_path, four):
    table = agreement.compare_models([], four, 7)
    tables.write_frame(tmp_path / "m.csv", mcnemar_page.TABLE, table, STUDY)
    mcnemar_page.write(tmp_path / "m.html", "t", table)
    assert "no two conditions with and without a factor" in (tmp_path / "m.html").read_text(encoding="utf-8")


# --- images that runs miss


def test_the_table_has_every_image_that_some_run_misses_hardest_first(four):
    changes = agreement.flips([*L1, GBN], four)
    table = agreement.tabulate(four, changes)
    assert list(table["image"]) == [5, 0, 1, 3]
    assert list(table["label"]) == [5, 0, 1, 3]
    assert list(table["missed"]) == [4, 2, 2, 1]
    assert list(table["predicted"]) == [8, 9, 9, 9]
    assert list(table["times"]) == [3, 2, 2, 1]
    assert set(table["runs"]) == {4}
    assert list(table["fixed by L1 1e-5"]) == [0, 2, 0, 1]
    assert list(table["broken by L1 1e-5"]) == [0, 0, 2, 0]
    assert list(table["fixed by GBN, 2 splits"]) == [0, 0, 0, 0]
    assert list(table["broken by GBN, 2 splits"]) == [0, 0, 0, 1]
    kind = page.table_of(changes)
    assert list(kind.columns) == [*table.columns, "run"]


def test_what_all_comparisons_fix_or_break_and_what_chance_would(four):
    """All comparisons of L1 change images 0 and 1: by chance 2 / 2**2 of them are fixed by all, and as many broken."""
    l1, gbn = agreement.flips([*L1, GBN], four)
    assert (l1.comparisons, l1.always_fixed, l1.always_broken, l1.by_chance) == (2, 1, 1, 0.5)
    assert (gbn.comparisons, gbn.always_fixed, gbn.always_broken, gbn.by_chance) == (1, 0, 1, 0.5)


def test_pairs_of_two_engines_and_absent_runs_are_no_comparisons():
    runs = {("none-bn", 0): [0] * 6, ("l1-bn", 0): [1] * 6, ("none-bn", 1): [0] * 6, ("l1-bn", 1): [1] * 6}
    runs |= {("none-bn", 2): [0] * 6}
    found = make_classes(runs, ("torch", "numba", "torch", "torch", "torch"))
    (l1,) = agreement.flips(L1, found)
    assert l1.comparisons == 1
    assert agreement.flips([GBN], found) == []


def test_flips_of_many_runs_without_effect_are_as_expected():
    """Simulated: four comparisons of runs that miss each image with the image's own probability."""
    random = np.random.default_rng(0)
    images = 200_000
    wrong = random.random((8, images)) < random.beta(0.3, 0.3, images)
    names = tuple(itertools.chain.from_iterable((f"none-{i}", f"l1-{i}") for i in range(4)))
    found = Classes(np.zeros(images, np.uint8), wrong.astype(np.uint8), names, (0,) * 8, ("torch",) * 8)
    (l1,) = agreement.flips([Contrast("L1", 1e-5, f"none-{i}", f"l1-{i}") for i in range(4)], found)
    assert l1.fixed.sum() == pytest.approx(l1.broken.sum(), rel=0.02)
    for seen in (l1.always_fixed, l1.always_broken):
        assert seen == pytest.approx(l1.by_chance, abs=4 * l1.by_chance**0.5)
    assert l1.by_chance > 50


def test_another_seed_changes_half_of_what_two_runs_differ_in():
    """By hand: the seeds of a differ in 2, 3 and 5 images, those of b in 0: a mean of 2.5 of four pairs, halved."""
    runs = {("a", 0): [9, 9, 2, 3, 4, 5], ("a", 1): [0, 1, 2, 3, 4, 5], ("a", 2): [0, 1, 9, 9, 9, 5]}
    found = make_classes(runs | {("b", 0): [0] * 6, ("b", 1): [0] * 6})
    assert agreement.flips_of_repeats(found) == pytest.approx((2 + 5 + 3 + 0) / 4 / 2)
    assert agreement.flips_of_repeats(make_classes({("a", 0): [0] * 6, ("b", 0): [1] * 6})) is None


def test_images_that_all_conditions_miss_are_counted_by_seed():
    runs = {("a", 0): [9, 9, 2, 3, 4, 5], ("b", 0): [8, 9, 2, 3, 9, 5], ("a", 4): [9] * 6, ("b", 4): [9, 1, 2, 3, 4, 5]}
    assert agreement.missed_by_all_conditions(make_classes(runs)) == [2, 1]


def page_of(folder, found, contrasts):
    changes = agreement.flips(contrasts, found)
    page.write(folder / "a.html", "Agreement <x>", found, agreement.tabulate(found, changes), changes, NAMES)
    return (folder / "a.html").read_text(encoding="utf-8")


def test_the_page_gives_both_directions_and_chance(tmp_path, four, html_tables):
    text = page_of(tmp_path, four, L1)
    assert (
        "4 of 6 test images are missed by one or more of 4 runs (4 distinct conditions, 1 seed), and 1 by all" in text
    )
    counts, changes, images = html_tables(text)
    assert dict(counts[1:]) == {"all 4 runs": "1", "half of the runs or more": "3", "two runs or more": "3"} | {
        "one run or more": "4"
    }
    assert changes[1] == ["L1 1e-5", "2", "1.5", "1.0", "+0.5", "1", "1", "0.5"]
    assert images[1] == ["5", NAMES[5], NAMES[8], "3 of 4"]


def test_the_page_of_several_seeds_compares_with_another_seed(tmp_path, html_tables):
    runs = {("none-bn", 0): [9, 9, 2, 3, 4, 5], ("l1-bn", 0): [9, 1, 2, 3, 4, 5]}
    runs |= {("none-bn", 1): [9, 1, 2, 3, 4, 9], ("l1-bn", 1): [9, 1, 2, 3, 4, 5]}
    text = page_of(tmp_path, make_classes(runs), L1)
    assert "all conditions miss the same 1.0 images on average (1 to 1)" in text
    assert html_tables(text)[1][-1][:4] == ["another seed, for comparison", "", "0.5", "0.5"]


def test_the_page_of_a_study_without_pairs_or_mistakes(tmp_path):
    text = page_of(tmp_path, make_classes({("a", 0): range(6)}), [])
    assert "no two conditions with and without a factor" in text
    assert "0 of 6 test images are missed" in text


# --- the figures


@pytest.fixture
def data():
    images = np.arange(6 * 28 * 28).reshape(6, 28, 28).astype(np.uint8)
    labels = np.arange(6, dtype=np.uint8)
    return Dataset(images, labels, images, labels, np.array(NAMES))


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


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


def test_the_gallery_shows_the_hardest_images_with_their_counts(four, data):
    drawn = figures.draw_hardest(agreement.tabulate(four, []), data, "title")
    assert [axes.get_label() for axes in drawn.axes] == ["image 5", "image 0", "image 1", "image 3"]
    for axes, image in zip(drawn.axes, [5, 0, 1, 3], strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), data.test_images[image])
    first, second = ([text.get_text() for text in axes.texts] for axes in drawn.axes[:2])
    assert first == ["5 → 8", "missed by\nall of 4\nimage 5"]
    assert second == ["0 → 9", "missed by\n2 of 4\nimage 0"]
    said = "all 4 images that one or more runs miss, among 6; actual → most common wrong class, the hardest first"
    assert said in texts(drawn)
    assert_readable(drawn)


@pytest.mark.parametrize(("missed", "said"), [(8888, "missed by\n8888 of 9999"), (9999, "missed by\nall of 9999")])
def test_the_counts_of_thousands_of_runs_stay_off_the_next_image(four, data, missed, said):
    drawn = figures.draw_hardest(agreement.tabulate(four, []).assign(runs=9999, missed=missed), data, "title")
    drawn.draw_without_rendering()
    assert any(said in text for text in texts(drawn))
    renderer = drawn.canvas.get_renderer()
    for axes, after in itertools.pairwise(drawn.axes):
        for text in axes.texts:
            assert text.get_window_extent(renderer).x1 < after.get_window_extent().x0


def test_a_row_for_each_factor_shows_what_it_fixes_and_breaks(four, data):
    changes = agreement.flips([*L1, GBN], four)
    drawn = figures.draw_changes(changes, agreement.tabulate(four, changes), data, "title")
    labels = [axes.get_label() for axes in drawn.axes]
    assert labels == ["L1 1e-5 fixed 0", "L1 1e-5 fixed 3", "L1 1e-5 broken 1", "GBN, 2 splits broken 3"]
    fixed, second, broken, last = drawn.axes
    assert fixed.texts[1].get_text() == "fixed 2\nbroken 0\nimage 0"
    assert broken.texts[1].get_text() == "broken 2\nfixed 0\nimage 1"
    assert broken.texts[0].get_text() == "1 → 9"
    assert fixed.get_position().x0 == broken.get_position().x0 < second.get_position().x0
    assert fixed.get_position().y0 > broken.get_position().y0 > last.get_position().y0
    assert "fixed: 1.5 images, mean of 2 comparisons" in texts(drawn)
    assert_readable(drawn)


def test_figures_of_nothing_say_so(data):
    perfect = make_classes({("a", 0): range(6)})
    table = agreement.tabulate(perfect, [])
    assert "No mistakes: every run is right." in texts(figures.draw_hardest(table, data, "t"))
    assert any("no two conditions" in text for text in texts(figures.draw_changes([], table, data, "t")))


def test_an_empty_table_is_written_and_has_its_heading(tmp_path):
    table = agreement.tabulate(make_classes({("a", 0): range(6)}), [])
    tables.write_frame(tmp_path / "a.csv", page.table_of([]), table, STUDY)
    assert list(pd.read_csv(tmp_path / "a.csv").columns) == [*table.columns, "run", "digest"]
