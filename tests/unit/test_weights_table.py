"""Sizes of the weights of a study: table, sentences, page and figure against numbers worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_hex
from test_figures import EIGHT, assert_readable, lines, named

from normreg.analysis import run_tables, weights
from normreg.config import studies
from normreg.errors import DataError
from normreg.models.build import build
from normreg.models.networks import PUBLISHED
from normreg.report import style
from normreg.report import weights as page
from normreg.training import evaluation
from normreg.training.objective import scoped_parameters
from normreg.utils import tables

STUDY = "digits/x 0123456789abcdef"
# Per tensor: type of its layer, role, elements, L1 norm, squared L2 norm, shares below 0.0001, 0.001, 0.01. A run's
# sizes are times its factor.
TENSORS = {
    "conv1.weight": ("Conv2d", "weight", 8, 4.0, 4.0, 0.0, 0.25, 0.5),
    "norm1.weight": ("BatchNorm2d", "norm", 2, 2.0, 2.0, 0.0, 0.0, 0.0),
    "norm1.bias": ("BatchNorm2d", "norm", 2, 0.0, 0.0, 1.0, 1.0, 1.0),
    "conv2.weight": ("Conv2d", "weight", 4, 2.0, 3.0, 0.0, 0.0, 0.25),
}
FACTORS = {("none-bn", 0): 1.0, ("none-bn", 1): 1.0, ("l1-bn", 0): 0.5, ("l1-bn", 1): 0.7}


@pytest.fixture
def conditions(condition):
    return {"none-bn": condition(), "l1-bn": condition(penalty="l1", lambdas={"l1": 1e-5})}


@pytest.fixture
def summarised(conditions, tmp_path):
    files, runs = [], []
    for (name, seed), factor in FACTORS.items():
        run = {"condition": name, "penalty": conditions[name]["penalty"], "norm": "bn", "seed": seed, "epochs": 2}
        run["identity"] = f"digits/x/{name}/seed{seed} 0123456789abcdef"
        sizes = [
            (parameter, kind, role, count, l1 * factor, l2 * factor**2, *shares)
            for parameter, (kind, role, count, l1, l2, *shares) in TENSORS.items()
        ]
        path = tmp_path / f"{name}-{seed}.csv"
        columns = list(run_tables.WEIGHTS.columns)[:-1]
        tables.write_frame(path, run_tables.WEIGHTS, pd.DataFrame(sizes, columns=columns), run["identity"])
        files.append(path)
        runs.append(run)
    return weights.summarise(runs, files, conditions)


def row(table, condition, part, size):
    return table.set_index(["condition", "part", "size"]).loc[(condition, part, size)]


def test_norms_are_sums_over_the_tensors_and_means_over_the_seeds(summarised):
    whole = row(summarised, "l1-bn", "all", "l1_norm")  # 8 * 0.5 and 8 * 0.7
    assert (whole["elements"], whole["seeds"], whole["control"]) == (16, 2, "none-bn")
    assert whole[["mean", "low", "high", "ratio"]].tolist() == pytest.approx([4.8, 4.0, 5.6, 0.6])
    inner = row(summarised, "l1-bn", "weights", "l2_norm")  # sqrt(4 + 3) times the factors
    assert inner["elements"] == 12
    ends = [0.5 * math.sqrt(7), 0.7 * math.sqrt(7)]
    assert inner[["mean", "low", "high", "ratio"]].tolist() == pytest.approx([0.6 * math.sqrt(7), *ends, 0.6])
    assert row(summarised, "none-bn", "conv2", "l1_norm")["mean"] == 2.0
    assert row(summarised, "none-bn", "norm1", "l2_norm")["mean"] == pytest.approx(math.sqrt(2))


def test_shares_are_of_all_elements(summarised):
    """Below 0.01: 4 + 2 + 1 of 16 elements, 4 + 1 of the 12 in convolutions; below 0.001: 2 + 2, and 2."""
    for size, whole, inner in (("share_below_0.01", 7, 5), ("share_below_0.001", 4, 2), ("share_below_0.0001", 2, 0)):
        assert row(summarised, "none-bn", "all", size)["mean"] == pytest.approx(100 * whole / 16)
        assert row(summarised, "none-bn", "weights", size)["mean"] == pytest.approx(100 * inner / 12)
    assert math.isnan(row(summarised, "l1-bn", "weights", "share_below_0.0001")["ratio"])  # 0 of 0


def test_a_condition_without_a_penalty_has_no_control(summarised):
    plain = summarised[summarised["condition"] == "none-bn"]
    assert plain["control"].isna().all()
    assert plain["ratio"].isna().all()


CONTROLS = {
    "controlled": {"l1-gbn": "none-gbn", "l1l2-bn": "none-bn", "none-gbn": None},
    "gilf641": {"l2-gbn": "none-gbn", "l2-bn": "none-bn"},
    "ashxjain": {"l2-bn": None, "l1l2-bn": "none-bn", "l1l2-gbn-readme": "none-gbn"},  # l2-bn ran without a penalty
    "satyajitghana": {"l1-bn": None, "l1-bn-readme": "none-bn"},
    "hardayaleva5": {"l1-bn": None, "l2-bn": None, "l1l2-gbn": "none-gbn"},
    "noopuragr": {"l1-bn": None, "l2-bn": None, "l1l2-bn": None},  # schedule and momentum differ
}


@pytest.mark.parametrize("study", CONTROLS)
def test_the_control_differs_in_the_penalty_alone(root, monkeypatch, study):
    monkeypatch.chdir(root)
    found = weights.find_controls(studies.load_run({"study": study, "network": None, "epochs": None}).conditions)
    assert {name: found[name] for name in CONTROLS[study]} == CONTROLS[study]


def test_a_sentence_says_what_the_numbers_say(summarised, conditions):
    (said,) = weights.sentences(summarised, conditions)
    assert said == (
        "l1-bn (L1 1e-5) against none-bn: L1 norm 40 % smaller and L2 norm 40 % smaller; 25.00 % of the parameters are "
        "below 0.001, without the penalty 25.00 %."
    )
    for ratio, words in ((1.0, "the same to 0.1 %"), (1.021, "2.1 % larger"), (0.0149, "99 % smaller")):
        assert weights.change(ratio) == words


@pytest.mark.parametrize("network", PUBLISHED)
def test_the_parts_are_those_on_which_the_penalties_act(network, condition, tmp_path):
    """Against the model itself: its parameters, and those of scope `weights`."""
    chosen = condition(network=network, norm="gbn", num_splits=2)
    torch.manual_seed(0)
    model = build(chosen)
    inside, _ = scoped_parameters(model, "weights")
    evaluation.write_weights(model, tmp_path / "weights.csv", "x")
    run = {"condition": "a", "penalty": "none", "norm": "gbn", "seed": 0, "epochs": 2, "identity": "x"}
    table = weights.summarise([run], [tmp_path / "weights.csv"], {"a": chosen})
    for part, tensors in (("all", list(model.parameters())), ("weights", inside)):
        flat = torch.cat([tensor.detach().double().flatten() for tensor in tensors])
        assert row(table, "a", part, "l1_norm")["mean"] == pytest.approx(flat.abs().sum().item())
        assert row(table, "a", part, "l2_norm")["mean"] == pytest.approx(flat.norm().item())
        assert row(table, "a", part, "l2_norm")["elements"] == len(flat)
        share = 100 * (flat.abs() < 1e-2).double().mean().item()
        assert row(table, "a", part, "share_below_0.01")["mean"] == pytest.approx(share)


def test_weights_of_another_run_are_refused(summarised, conditions, tmp_path):
    run = {"condition": "l1-bn", "penalty": "l1", "norm": "bn", "seed": 7, "epochs": 2}
    run["identity"] = "digits/x/l1-bn/seed7 0123456789abcdef"
    with pytest.raises(DataError, match=r"l1-bn-0\.csv: holds the run digits/x/l1-bn/seed0, expected digits/x/l1-bn/s"):
        weights.summarise([run], [tmp_path / "l1-bn-0.csv"], conditions)


def test_page(summarised, conditions, tmp_path, html_tables):
    page.write(tmp_path / "w.html", "T", summarised, conditions)
    text = (tmp_path / "w.html").read_text()
    whole, inner = html_tables(text)
    assert dict(zip(whole[0], whole[2], strict=True)) == {
        "condition": "l1-bn",
        "elements": "16",
        "L1 norm": "4.8 (4.0 to 5.6)",
        "L1 norm against control": "−40.0 %",
        "L2 norm": "1.80 (1.50 to 2.10)",
        "L2 norm against control": "−40.0 %",
        "% below 0.0001": "12.50 (12.50 to 12.50)",
        "% below 0.001": "25.00 (25.00 to 25.00)",
        "% below 0.01": "43.75 (43.75 to 43.75)",
        "control": "none-bn",
    }
    assert inner[2][1] == "12"
    assert "means over 2 seeds" in text
    assert "L1 norm 40 % smaller" in text


def test_page_of_a_study_without_controls(summarised, conditions, tmp_path, html_tables):
    alone = summarised[summarised["condition"] == "l1-bn"].assign(control=None, ratio=np.nan)
    page.write(tmp_path / "w.html", "T", alone, {"l1-bn": conditions["l1-bn"]})
    text = (tmp_path / "w.html").read_text()
    assert "No condition of this study has a control" in text
    assert "control" not in html_tables(text)[0][0]


KINDS = {"conv1": "Conv2d", "norm1": "BatchNorm2d", "conv2": "Conv2d"}
ROLES = {"conv1": "weight", "norm1": "norm", "conv2": "weight"}
PARTS = (("weights", 900, 90.0), ("conv1", 300, 60.0), ("norm1", 8, 8.0), ("conv2", 600, 30.0))


def made_up(control=True, seeds=2):
    """A table of all eight conditions. Those with L1 have smaller weights."""
    rows = []
    for name, penalty, norm in EIGHT:
        factor = 0.8 if penalty.startswith("l1") else 1.0
        for part, elements, l1 in PARTS:
            for size, value in zip(weights.SIZES, (l1 * factor, l1 / 9, 0.0, 0.5 / factor, 4 / factor), strict=True):
                head = {"condition": name, "penalty": penalty, "norm": norm, "part": part}
                head |= {"layer_type": KINDS.get(part, part), "role": ROLES.get(part, part), "elements": elements}
                ends = {"mean": value, "low": 0.9 * value, "high": 1.1 * value, "seeds": seeds, "diverged": 0}
                has = control and penalty != "none"
                beside = {"control": f"none-{norm}" if has else None, "ratio": factor if has else np.nan}
                rows.append({**head, "size": size.key, **ends, **beside})
    return pd.DataFrame(rows)


def drawn(table):
    return page.draw(page.sizes_of(table), "Sizes of the weights")


def test_lines_of_the_figure_are_the_table():
    made = drawn(made_up())
    shares, norms = lines(named(made, "shares")), lines(named(made, "norms"))
    assert set(shares) == {name for name, _, _ in EIGHT}
    np.testing.assert_allclose(shares["l1-gbn"].get_ydata(), [0, 0.625, 5])
    np.testing.assert_allclose(shares["none-bn"].get_ydata(), [0, 0.5, 4])
    assert set(norms) == {name for name, penalty, _ in EIGHT if penalty != "none"} | {"control"}
    np.testing.assert_allclose(norms["l1-bn"].get_ydata(), [80, 80])
    np.testing.assert_allclose(norms["l2-bn"].get_ydata(), [100, 100])
    assert [tick.get_text() for tick in named(made, "norms").get_xticklabels()] == ["conv1", "conv2"]
    assert (to_hex(norms["l1-bn"].get_color()), norms["l1-bn"].get_linestyle()) == ("#c24a00", "-")
    assert norms["l1-gbn"].get_linestyle() == "--"
    assert_readable(made)


def test_without_controls_the_norms_are_per_weight():
    made = drawn(made_up(control=False, seeds=1))
    norms = lines(named(made, "norms"))
    assert set(norms) == {name for name, _, _ in EIGHT}
    np.testing.assert_allclose(norms["none-bn"].get_ydata(), [0.2, 0.05])
    np.testing.assert_allclose(norms["l1-bn"].get_ydata(), [0.16, 0.04])
    assert_readable(made)


def test_the_figure_is_the_same_bytes_again(tmp_path):
    for name in ("a.svg", "b.svg"):
        style.save(drawn(made_up()), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
