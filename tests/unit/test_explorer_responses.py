"""The responses in the explorer, from small tables by hand: places, marks, words and tables."""

import json

import numpy as np
import pandas as pd
import pytest

from normreg.analysis import response_tables
from normreg.report.explorer import curves, page, responses
from normreg.report.explorer.responses import Swept

NASTY = '"><script>x</script>'


def row(value, x, difference, verdict, **more):
    """A row of responses.csv: a strength of L1 against none-bn."""
    about = {
        "sweep": "l1",
        "level": "strength",
        "curve": "l1-bn",
        "value": value,
        "x": x,
        "penalty": "l1",
        "norm": "bn",
    }
    about |= {"factor": "L1", "reference": "none-bn", "quantity": "test_accuracy", "margin": 0.05, "seeds": 2}
    known = {"difference": difference, "low": difference - 0.02, "high": difference + 0.02, "verdict": verdict}
    cells = {**about, **known, "runs": 2, "collapses": 0, **more}
    return {name: cells.get(name, np.nan) for name in response_tables.RESPONSES.columns}


def seed_rows(rows, numbers):
    kept = ("sweep", "level", "curve", "value", "x", "y", "quantity")
    return pd.DataFrame(
        [{name: one[name] for name in kept} | {"seed": seed, "number": one["difference"] + extra}
         for one in rows for seed, extra in enumerate(numbers)]
    )  # fmt: skip


@pytest.fixture
def swept():
    """Not in the order of the axis. The last value is a cliff."""
    rows = [
        row("1e-3", 1e-3, -0.1, "worse"),
        row("1e-5", 1e-5, 0.01, "equivalent"),
        row("1e-4", 1e-4, 0.03, "undecided"),
        row("0.1", 0.1, -45.25, "worse", collapses=1),
    ]
    return Swept("l1", ("lambdas.l1",), pd.DataFrame(rows), seed_rows(rows, (-0.5, 0.5)))


def only_panel(one, quantity="accuracy"):
    (sweep,) = responses.describe([one])["sweeps"]
    (panel,) = sweep["quantities"][quantity]["panels"]
    return sweep, panel


def test_values_stand_on_a_log_axis_with_a_slot_for_absent(swept):
    """By hand: powers -5, -4, -3, -1, the slot 1.3 steps before the first; the axis from -6.8 to -0.4."""
    sweep, panel = only_panel(swept)
    assert [point["text"] for point in panel["points"]] == ["1e-5", "1e-4", "1e-3", "0.1"]
    assert [point["x"] for point in panel["points"]] == pytest.approx(
        [(power + 6.8) / 6.4 for power in (-5, -4, -3, -1)], abs=1e-4
    )
    assert panel["absent"] == pytest.approx(0.5 / 6.4, abs=1e-4)
    assert (sweep["key"], panel["title"], panel["against"]) == ("strength of L1 (λ)", "L1 · BN", "against none-bn")
    assert sweep["note"].startswith("Difference from the same without it, within each of 2 seeds; band: 95 %")


def test_differences_bands_seeds_and_the_margin_are_those_of_the_tables(swept):
    _, panel = only_panel(swept)
    assert [point["difference"] for point in panel["points"]] == [0.01, 0.03, -0.1, -45.25]
    assert [point["low"] for point in panel["points"]] == pytest.approx([-0.01, 0.01, -0.12, -45.27])
    assert panel["numbers"][0] == pytest.approx([-0.49, -0.47, -0.6, -45.75])
    assert panel["numbers"][1] == pytest.approx([0.51, 0.53, 0.4, -44.75])
    assert panel["margin"] == 0.05


def test_marks_tell_verdicts_and_what_is_far_outside_is_cut(swept):
    sweep, panel = only_panel(swept)
    assert [point["mark"] for point in panel["points"]] == [["s", True], ["o", False], ["v", True], ["v", True]]
    assert [point["cut"] for point in panel["points"]] == [None, None, None, "−45.2"]
    low, high = panel["ends"]
    assert -1 < low < -0.12
    assert 0.05 < high < 1
    legend = sweep["quantities"]["accuracy"]["legend"]
    assert legend == [["worse", "v", True], ["equivalent", "s", True], ["undecided", "o", False]]


def test_a_value_is_said_in_words(swept):
    _, panel = only_panel(swept)
    first, last = panel["points"][0]["said"], panel["points"][-1]["said"]
    assert first == (
        "1e-5: +0.010 points (band −0.010 to +0.030), equivalent within 0.05 points. Seeds: 0 −0.490; 1 +0.510."
    )
    assert "worse, collapses in 1 of 2 runs." in last


def test_what_was_not_compared_has_no_mark_and_no_number():
    rows = [
        row("1e-5", 1e-5, np.nan, np.nan, seeds=0),
        row("1e-4", 1e-4, 0.1, "too few seeds", low=np.nan, high=np.nan),
    ]
    one = Swept("l1", ("lambdas.l1",), pd.DataFrame(rows), seed_rows(rows[1:], (0.0,)))
    _, panel = only_panel(one)
    nothing, few = panel["points"]
    assert (nothing["difference"], nothing["said"], nothing["cut"]) == (None, "", None)
    assert few["said"] == "1e-4: +0.100 points, too few seeds. Seed: 0 +0.100."
    assert panel["numbers"] == [[None, 0.1]]


def test_over_sizes_the_curves_are_factors_without_a_slot():
    about = {"level": "factor", "penalty": np.nan, "norm": np.nan, "reference": np.nan}
    rows = [row(f"{size:,}", size, 0.1, "better", curve=name, factor=name, **about)
            for name in ("L1", "GBN") for size in (300, 60_000)]  # fmt: skip
    (sweep,) = responses.describe([Swept("size", ("train_images",), pd.DataFrame(rows), seed_rows(rows, (0, 0)))])[
        "sweeps"
    ]
    panels = sweep["quantities"]["accuracy"]["panels"]
    assert [panel["title"] for panel in panels] == ["L1", "GBN"]
    assert [panel["absent"] for panel in panels] == [None, None]
    assert [point["text"] for point in panels[0]["points"]] == ["300", "60,000"]
    assert panels[0]["light"] != panels[1]["light"]


def test_a_grid_is_a_table_and_says_so():
    rows = [row(f"{a} / {b}", a, 0.1, "better", y=b, level="cell") for a in (1.0, 2.0) for b in (3.0, 4.0)]
    one = Swept("two", ("lambdas.l1", "dropout"), pd.DataFrame(rows), seed_rows(rows, (0,)))
    (sweep,) = responses.describe([one])["sweeps"]
    assert sweep["quantities"]["accuracy"]["panels"] == []
    assert "cells and no curves" in sweep["note"]
    assert "response_two.svg" in sweep["note"]
    assert str(responses.tables([one])).count("+0.100") == 4


def test_the_tables_and_the_choice_need_no_script(swept, html_tables, tmp_path):
    """And what looks like a part of a template is text like any other."""
    text = write(tmp_path / "a.html", [swept, Swept(NASTY + "{{ title }}", swept.over, swept.rows, swept.seeds)])
    choice, tabled = text.split('id="responses"')[1].split('id="tabled"')
    assert NASTY not in choice + tabled
    assert choice.count("<option") == 2
    assert choice.count("{{ title }}") == 2
    first, second = html_tables(tabled.split("</details>")[0])
    assert first == second
    assert first[0][:5] == ["curve", "value", "without", "seeds", "difference"]
    assert first[4][:5] == ["L1 · BN", "0.1", "none-bn", "2", "−45.250"]


def write(path, swept):
    """A page whose other views are empty."""
    data = {"conditions": [], "testImages": 10, "wrongImages": 0}
    if swept:
        data["responses"] = responses.describe(swept)
    page.write(path, "Explorer", data, {key: [] for key in curves.METRICS}, swept)
    return path.read_text(encoding="utf-8")


def test_only_a_study_with_sweeps_has_the_view(tmp_path, swept):
    without, having = write(tmp_path / "a.html", []), write(tmp_path / "b.html", [swept])
    for text in ('value="responses"', 'id="panels"', 'id="tabled"', '"marks":'):
        assert text not in without
        assert text in having
    assert "{{" not in without + having


def test_every_mark_is_a_path(swept):
    marks = responses.describe([swept])["marks"]
    assert marks["x"].count("M") == 2
    assert marks["|"].count("M") == 1
    assert all(text.endswith("Z") == (code not in "x|") for code, text in marks.items())


def test_fifty_values_of_two_curves_fit_beside_the_curves():
    rows = [row(f"{i}e-5", i * 1e-5, 0.01, "equivalent", curve=curve) for i in range(1, 51) for curve in ("l1-bn", "b")]
    one = Swept("l1", ("lambdas.l1",), pd.DataFrame(rows), seed_rows(rows, range(10)))
    size = len(json.dumps(responses.describe([one]))) + len(str(responses.tables([one])))
    assert size < 110_000
