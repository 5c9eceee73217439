"""Runs that diverged: a study goes on with the others, and every item says how many of how many."""

from functools import cached_property

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from scipy import stats

from normreg.analysis import (
    agreement,
    answer,
    claims,
    effects,
    noise,
    predictions,
    published,
    response_tables,
    responses,
    run_tables,
    strengths,
    study_tables,
    summary,
    weights,
)
from normreg.analysis.contrasts import find_contrasts, find_distinct
from normreg.analysis.plan import Rules
from normreg.config.identity import run_facts
from normreg.config.sweeps import Curve, Point, Sweep
from normreg.data.dataset import Dataset
from normreg.data.dataset import save as save_dataset
from normreg.data.specs import DATASETS
from normreg.errors import DataError
from normreg.models.build import build
from normreg.report import agreement as agreement_figure
from normreg.report import agreement as agreement_page
from normreg.report import (
    comparison,
    curves,
    effects_figure,
    gallery,
    landing,
    last_five,
    response_figure,
    small_multiples,
)
from normreg.report import confusion as confusion_figure
from normreg.report import effects as effects_page
from normreg.report import job as jobs
from normreg.report import noise as noise_page
from normreg.report import published as published_figure
from normreg.report import responses as responses_page
from normreg.report import summary as summary_page
from normreg.report import weights as weights_figure
from normreg.report import weights as weights_page
from normreg.report.explorer import content
from normreg.report.explorer import curves as explorer_curves
from normreg.report.explorer import page as explorer_page
from normreg.report.explorer import responses as explorer_responses
from normreg.training import evaluation, loop
from normreg.training.loop import Epoch
from normreg.utils import tables

IMAGES, EPOCHS, SEEDS = 60, 6, 5
MARGIN = {"accuracy": 2.0, "loss": 0.05}
RULES = Rules(MARGIN, IMAGES, 10)
STRENGTHS = (1e-5, 1e-4, 1e-3)
IDENTITY = "digits/x 0123456789abcdef"


class Study:
    """The files of finished runs: four conditions with the sweep "l1", five seeds. `lost` diverged in epoch 3."""

    def __init__(self, folder, condition, lost):
        l1 = {"penalty": "l1", "epochs": EPOCHS}
        self.folder, self.lost = folder, set(lost)
        self.conditions = {"none-bn": condition(epochs=EPOCHS)}
        self.conditions |= {f"l1-bn-{place}": condition(**l1, lambdas={"l1": s}) for place, s in enumerate(STRENGTHS)}
        self.conditions["none-gbn"] = condition(epochs=EPOCHS, norm="gbn", num_splits=2)
        points = tuple(Point((strength,), f"l1-bn-{place}") for place, strength in enumerate(STRENGTHS))
        self.sweep = Sweep("l1", ("lambdas.l1",), False, (Curve("l1-bn", points),))
        self.contrasts = find_contrasts(self.conditions, 906)
        rng = np.random.default_rng(3)
        labels = rng.integers(0, 10, IMAGES).astype(np.uint8)
        images = rng.integers(0, 256, (IMAGES, 28, 28)).astype(np.uint8)
        self.data = Dataset(images, labels, images, labels, np.array(DATASETS["digits"].class_names))
        save_dataset(self.data, folder / "data.npz")
        names = [(name, seed) for name in self.conditions for seed in range(SEEDS)]
        self.runs = [run_facts("digits", "x", name, self.conditions[name], seed, 906) for name, seed in names]
        self.model = build(self.conditions["none-bn"])
        self.files = [self._write(run) for run in self.runs]

    def _write(self, run):
        place = self.folder / f"{run['condition']}-{run['seed']}"
        files = {name.split(".")[0]: f"{place}-{name}" for name in ("metrics.csv", "predictions.npz", "weights.csv")}
        who, labels, place = run["identity"], self.labels, list(self.conditions).index(run["condition"])
        shared, own = np.random.default_rng(run["seed"]), np.random.default_rng([run["seed"], place])
        logits = 2.5 * np.eye(10)[labels] + shared.normal(size=(IMAGES, 10)) + own.normal(0, 0.1, (IMAGES, 10))
        made = predictions.Predictions(logits.astype(np.float32), labels, np.arange(IMAGES))
        rows = [Epoch(e, 0.1, 1 / e, 1 / e, 50.0, made.loss, made.accuracy, 1.0) for e in range(1, EPOCHS + 1)]
        diverged = (run["condition"], run["seed"]) in self.lost
        if diverged:
            rows = [*rows[:2], rows[2].without_numbers()]
            predictions.save_diverged(files["predictions"], who, predictions.Diverged(3, "torch"))
        else:
            predictions.save(files["predictions"], logits, labels, who, "torch")
        loop.write_metrics(rows, files["metrics"], who)
        evaluation.write_weights(self.model, files["weights"], who, diverged)
        return files

    @property
    def labels(self):
        return self.data.test_labels

    def paths(self, kind):
        return [files[kind] for files in self.files]

    @cached_property
    def summary(self):
        """Written and read back."""
        made = summary.summarise(self.runs, self.files, self.labels)
        tables.write_frame(self.folder / "summary.csv", study_tables.SUMMARY, made)
        return summary.read(self.folder / "summary.csv", self.runs)

    @cached_property
    def classes(self):
        distinct = find_distinct(self.conditions, 906)
        return agreement.read(self.paths("predictions"), self.runs, self.labels, distinct)

    def effects(self):
        """Written, and read back as pages and figures get them."""
        table = effects.estimate(self.contrasts, self.summary, RULES)
        tables.write_frame(self.folder / "effects.csv", study_tables.EFFECTS, table, IDENTITY)
        return answer.read(self.folder / "effects.csv", IDENTITY), effects_figure.draw(table, "T", {})

    def responses(self):
        facts = responses.Facts(self.summary, self.conditions, RULES, 906)
        return responses.estimate([self.sweep], facts)


@pytest.fixture(scope="module")
def made():
    """The studies of all tests by the runs that diverged: nobody changes their files."""
    return {}


@pytest.fixture
def study(made, condition, tmp_path_factory):
    """A function that makes a `Study`, each once."""

    def make(lost=()):
        key = tuple(lost)
        if key not in made:
            made[key] = Study(tmp_path_factory.mktemp("study"), condition, lost)
        return made[key]

    return make


STRONG = [("l1-bn-2", seed) for seed in (0, 1, 3)]
ALL = [(name, seed) for name in ("none-bn", "l1-bn-0", "l1-bn-1", "l1-bn-2", "none-gbn") for seed in range(SEEDS)]
SAID = "3 of 25 runs diverged and are left out: l1-bn-2 3 of 5."


def words(figure):
    return " ".join(text.get_text() for text in figure.findobj(Text))


def test_the_sentence_counts_and_names():
    said = run_tables.diverged_sentence
    assert said("", "ab") == said({"a": 0}, {"a": 2}) == ""
    assert said("a", "ab") == "1 of 2 runs diverged and are left out: a 1 of 1."
    assert said({"a": 0, "b": 1}, {"a": 1, "b": 2}) == "1 of 3 runs diverged and are left out: b 1 of 2."
    assert said("aa", "aa") == "All 2 runs diverged."
    assert said("abcdef", "abcdef" * 2).endswith("left out: a 1 of 2, b 1 of 2, c 1 of 2, d 1 of 2, 2 more conditions.")


def test_the_summary_says_which_epoch_and_gives_no_numbers(study, tmp_path, html_tables):
    made = study(STRONG)
    lost = made.summary[made.summary["diverged_epoch"].notna()]
    assert [(row["condition"], row["seed"], row["diverged_epoch"]) for _, row in lost.iterrows()] == [
        (*run, 3) for run in STRONG
    ]
    assert lost[list(study_tables.MEASURED)].isna().all(axis=None)
    assert set(lost["epochs"]) == {EPOCHS}
    summary_page.write(tmp_path / "s.html", "T", made.summary, 0, IMAGES)
    text = (tmp_path / "s.html").read_text()
    means = {row[0]: row[1:3] for row in html_tables(text)[0]}
    assert SAID in text
    assert (means["l1-bn-2"], means["l1-bn-1"]) == (["2", "3"], ["5", "0"])
    table = summary.tabulate(made.summary, made.conditions, "digits", "x", "x")
    tables.write_frame(tmp_path / "runs.csv", study_tables.runs(summary.varying(made.conditions)), table)
    assert pd.read_csv(tmp_path / "runs.csv")["diverged_epoch"].count() == 3


def test_files_that_diverged_in_different_epochs_are_not_of_one_training(study, tmp_path):
    made = study(STRONG)
    place = next(i for i, run in enumerate(made.runs) if (run["condition"], run["seed"]) == STRONG[0])
    run, files = made.runs[place], made.files[place] | {"predictions": str(tmp_path / "p.npz")}
    predictions.save_diverged(files["predictions"], run["identity"], predictions.Diverged(2, "torch"))
    with pytest.raises(DataError, match="not of one training"):
        summary.run_summary(run, files, made.labels)


def test_an_effect_whose_runs_diverge_says_so_and_others_are_as_without_it(study, tmp_path, html_tables):
    made = study(STRONG)
    table, drawn = made.effects()
    rows = table[table["quantity"] == "final_accuracy"].set_index("with")
    lost = rows.loc["l1-bn-2"]
    assert (lost["verdict"], lost["runs"], lost["diverged"], lost["diverged_without"]) == ("runs diverged", 5, 3, 0)
    others = [contrast for contrast in made.contrasts if contrast.with_factor != "l1-bn-2"]
    summary_of_others = made.summary[made.summary["condition"] != "l1-bn-2"]
    expected = effects.estimate(others, summary_of_others, RULES).query("quantity == 'final_accuracy'")
    for _, row in expected.iterrows():
        numbers, texts = ["seeds", "difference", "low", "high", "p_adjusted"], ["verdict", "method"]
        assert rows.loc[row["with"], numbers].tolist() == pytest.approx(row[numbers].tolist(), rel=1e-4)
        assert rows.loc[row["with"], texts].tolist() == row[texts].tolist()
    values = made.summary.pivot(index="seed", columns="condition", values="final_accuracy")
    each = (values["l1-bn-2"] - values["none-bn"]).dropna()
    assert (lost["seeds"], lost["difference"]) == (2, pytest.approx(each.mean(), rel=1e-5))
    assert pd.isna(lost["p_adjusted"])
    (said,) = (sentence for sentence in answer.sentences(table) if sentence.startswith("L1 1e-3"))
    assert said.endswith("2 seeds: diverged in 3 of 5 runs.")
    effects_page.write(tmp_path / "e.html", "T", table, [SAID], [], {})
    text = (tmp_path / "e.html").read_text()
    assert any("diverged in 3 of 5 runs" in row for row in html_tables(text)[0])
    assert "diverged in 3 of 5 runs" in words(drawn)
    assert "diverged in 3 of 5 runs" in landing.picture(table)


def test_a_control_that_diverges_is_said_as_such(study):
    made = study([("none-bn", seed) for seed in range(4)])
    table, _ = made.effects()
    assert set(table["verdict"]) == {"runs diverged"}
    (said,) = (sentence for sentence in answer.sentences(table) if sentence.startswith("GBN"))
    assert said.endswith("1 seed: without it, 4 of 5 runs diverged.")


def test_survivors_are_tested_by_nobody_but_shown(study):
    """Four seeds are left: their interval is that of the paired t-test, and there is no p."""
    made = study([("none-gbn", 2)])
    row = made.effects()[0].query("quantity == 'final_loss' and factor == 'GBN'").iloc[0]
    values = made.summary.pivot(index="seed", columns="condition", values="final_loss")
    each = (values["none-gbn"] - values["none-bn"]).dropna()
    expected = stats.ttest_1samp(each, 0).confidence_interval()
    assert [row["low"], row["high"]] == pytest.approx(list(expected), rel=1e-4)
    assert row[["p", "p_adjusted", "p_equivalence", "detectable"]].isna().all()
    assert row["verdict"] == "runs diverged"


def test_the_noise_floor_is_that_of_the_other_conditions(study, tmp_path):
    made = study(STRONG)
    found = noise.describe(made.summary, made.classes)
    others = made.summary[made.summary["condition"] != "l1-bn-2"]
    values = others.pivot(index="seed", columns="condition", values="final_accuracy")
    row = found.set_index("quantity").loc["final_accuracy"]
    assert (row["conditions"], row["seeds"]) == (4, 5)
    assert row["within_sd"] == pytest.approx(values.var(ddof=1).mean() ** 0.5)
    noise_page.write(tmp_path / "n.html", "T", found, made.classes.diverged)
    assert SAID in (tmp_path / "n.html").read_text()


def test_models_of_runs_that_diverged_are_compared_with_nothing(study, tmp_path):
    made = study(STRONG)
    assert made.classes.diverged == SAID
    pairs = list(zip(made.classes.conditions, made.classes.seeds, strict=True))
    assert len(pairs) == 22
    assert not set(pairs) & set(STRONG)
    models = agreement.compare_models(made.contrasts, made.classes, 0)
    assert list(models["with"]) == [pair.with_factor for pair in made.contrasts if pair.with_factor != "l1-bn-2"]
    changes = {one.name: one.comparisons for one in agreement.flips(made.contrasts, made.classes)}
    assert changes["L1 1e-3"] == 2
    assert changes["L1 1e-5"] == 5
    images = np.arange(4)
    distinct = find_distinct(made.conditions, 906)
    sure = agreement.confidences(made.paths("predictions"), made.runs, made.labels, distinct, images)
    assert sure.shape == (22, 4)
    table = agreement.tabulate(made.classes, agreement.flips(made.contrasts, made.classes))
    agreement_page.write(tmp_path / "a.html", "T", made.classes, table, [], list(made.data.class_names))
    assert SAID in (tmp_path / "a.html").read_text()
    assert SAID in words(agreement_figure.draw_hardest(table, made.data, "T", made.classes.diverged))


def test_curves_are_those_of_the_other_runs(study):
    made = study([*STRONG, *(("none-gbn", seed) for seed in range(SEEDS))])
    found, said = jobs.read_courses(made.paths("metrics"), made.runs, "validation_accuracy")
    assert [course.condition for course in found] == ["none-bn", "l1-bn-0", "l1-bn-1", "l1-bn-2"]
    assert found[-1].seeds == (2, 4)
    assert said == "8 of 25 runs diverged and are left out: l1-bn-2 3 of 5, none-gbn 5 of 5."
    for draw in (comparison.draw, small_multiples.draw):
        assert said in words(draw(found, "T", "validation_accuracy", None, said))


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_pictures_of_a_single_run_say_that_it_diverged(study, tmp_path, epoch):
    """Validation came after the third epoch, if at all; a loss was as large as float32 goes."""
    made = study()
    rows = [Epoch(e, 1e30, 3e38, 3e38 / e, 10.0, None, None, 1.0) for e in range(1, epoch)]
    loop.write_metrics([*rows, Epoch(epoch, 1e30, None, None, None, None, None, 1.0)], tmp_path / "m.csv", "me")
    table = run_tables.read_metrics(tmp_path / "m.csv", curves.COLUMNS, "me", 9)
    assert f"diverged in epoch {epoch}" in words(curves.draw(table, "T", run_tables.diverged_epoch(table, 9)))
    predictions.save_diverged(tmp_path / "p.npz", "me", predictions.Diverged(epoch, "torch"))
    found = jobs.read_predictions(tmp_path / "p.npz", made.folder / "data.npz", made.data.digest(), "me")
    for draw in (gallery.draw, confusion_figure.draw):
        assert f"This run diverged in epoch {epoch}" in words(draw(found, "T"))


def test_sizes_of_weights_are_those_of_the_other_runs(study, tmp_path):
    made = study([*STRONG, *(("none-gbn", seed) for seed in range(SEEDS))])
    table = weights.summarise(made.runs, made.paths("weights"), made.conditions)
    rows = table[(table["part"] == "all") & (table["size"] == "l1_norm")].set_index("condition")
    whole = sum(parameter.detach().abs().sum().item() for parameter in made.model.parameters())
    assert rows.loc["l1-bn-2", ["mean", "seeds", "diverged"]].tolist() == [pytest.approx(whole), 2, 3]
    assert rows.loc["none-gbn", "seeds"] == 0
    assert pd.isna(rows.loc["none-gbn", "mean"])
    sizes, said = weights_figure.sizes_of(table), weights.diverged(table)
    assert [one.condition for one in sizes] == ["none-bn", "l1-bn-0", "l1-bn-1", "l1-bn-2"]
    assert said in words(weights_figure.draw(sizes, "T", None, said))
    weights_page.write(tmp_path / "w.html", "T", table, made.conditions)
    assert said in (tmp_path / "w.html").read_text()


def test_published_values_and_claims_are_judged_by_the_other_runs(study, tmp_path):
    made = study([("l1-bn-2", 0), *(("none-gbn", seed) for seed in range(SEEDS))])
    block = {"epochs": EPOCHS, "conditions": {"l1-bn-2": {"final": 60.0}, "none-gbn": {"final": 60.0}}}
    table = published.compare(block, made.summary)
    tables.write_frame(tmp_path / "p.csv", published_figure.TABLE, table, IDENTITY)
    rows = table[table["quantity"] == "final_accuracy"].set_index("condition")
    assert rows.loc["l1-bn-2", ["seeds", "diverged"]].tolist() == [4, 1]
    assert rows.loc["none-gbn", "no_verdict"] == published.UNKNOWN
    said = summary.diverged(made.summary)
    assert said == "6 of 25 runs diverged and are left out: l1-bn-2 1 of 5, none-gbn 5 of 5."
    assert said in words(published_figure.draw(table, "T", None, said))
    courses = {
        (run["condition"], run["seed"]): run_tables.read_metrics(path, claims.COURSES, run["identity"], EPOCHS)
        for run, path in zip(made.runs, made.paths("metrics"), strict=True)
    }
    measured = claims.Measured(DATASETS["mnist"], made.conditions, MARGIN, made.summary, courses)
    tests = [
        {"quantity": "final_accuracy", "with": "l1-bn-2", "without": "none-bn", "direction": "higher"},
        {"quantity": "train_loss", "statistic": "fall", "from_epoch": 2, "with": "none-gbn", "without": "none-bn"}
        | {"direction": "higher"},
    ]
    head = {"id": "c", "text": "t", "evidence": "e"}
    found = claims.judge([head | {"tests": tests}], measured)
    assert found["seeds"].tolist() == [4, 0]
    assert found["why"].iloc[0].endswith("1 of 10 runs diverged and are left out: l1-bn-2 1 of 5.")
    assert found["why"].iloc[1].endswith("5 of 10 runs diverged and are left out: none-gbn 5 of 5.")


def test_a_strength_that_diverges_is_marked_on_its_curve(study, tmp_path, html_tables):
    made = study([("l1-bn-2", seed) for seed in range(SEEDS)])
    found = made.responses()
    rows = found.responses.query("quantity == 'final_accuracy'").set_index("value")
    assert rows.loc["1e-3", "verdict"] == "runs diverged"
    assert rows.loc["1e-4", "seeds"] == 5
    (said,) = answer.response_sentences(found.responses, found.shapes)
    assert "diverged in 5 of 5 runs at 1e-3" in said
    assert "5 seeds" in said
    assert (found.shapes["left_out"] >= 1).all()
    assert set(found.shapes["best"]) <= {"none-bn", "l1-bn-0", "l1-bn-1"}
    responses_page.write(tmp_path / "r.html", "T", found, [])
    assert any("diverged in 5 of 5 runs" in row for row in html_tables((tmp_path / "r.html").read_text())[0])
    paths = tmp_path / "responses.csv", tmp_path / "seeds.csv"
    tables.write_frame(paths[0], response_tables.RESPONSES, found.responses, IDENTITY)
    tables.write_frame(paths[1], response_tables.RESPONSE_SEEDS, found.seeds, IDENTITY)
    drawn = response_figure.draw(*response_figure.read(*paths, IDENTITY, "l1"), "T", made.sweep.over)
    (line,) = (line for line in drawn.axes[0].lines if line.get_label() == "1e-3")
    assert line.get_marker() == "X"
    assert "runs diverged" in words(drawn)
    swept = explorer_responses.read(*paths, IDENTITY, "l1", made.sweep.over)
    points = explorer_responses.describe([swept])["sweeps"][0]["quantities"]["accuracy"]["panels"][0]["points"]
    assert points[-1]["difference"] is None
    assert points[-1]["said"] == "1e-3: diverged in 5 of 5 runs."


@pytest.mark.parametrize(
    ("lost", "best", "difference"),
    [
        ((), "l1-bn-2", 3.0),
        ([("l1-bn-2", 1)], "l1-bn-1", 2.0),
        ([("l1-bn-2", 1), ("none-bn", 0)], "l1-bn-1", None),
        ([("l1-bn-2", 1), ("l1-bn-1", 0), ("l1-bn-0", 0)], "none-bn", 0.0),
        (ALL, None, None),
    ],
)
def test_the_hold_out_chooses_among_the_strengths_that_did_not_diverge(study, tmp_path, lost, best, difference):
    made = study(lost)
    gains = {"none-bn": 0.0, "l1-bn-0": 1.0, "l1-bn-1": 2.0, "l1-bn-2": 3.0, "none-gbn": 0.0}
    known = made.summary["condition"].map(gains).where(made.summary["diverged_epoch"].isna())
    table = strengths.choose(
        [made.sweep], made.conditions, made.summary.assign(final_accuracy=known), "final_accuracy", 906
    )
    tables.write_frame(tmp_path / "c.csv", response_tables.CHOSEN, table, IDENTITY)
    (row,) = tables.read_frame(tmp_path / "c.csv", response_tables.CHOSEN).to_dict("records")
    assert row["condition"] == best
    assert (difference is None and pd.isna(row["holdout_difference"])) or row["holdout_difference"] == difference
    names = [] if best in (None, "none-bn") else ["none-bn", best]
    assert strengths.to_confirm(tmp_path / "c.csv", IDENTITY) == names


def explorer_courses(made):
    """The courses of all metrics, and a sentence on the runs that diverged."""
    found = {key: jobs.read_courses(made.paths("metrics"), made.runs, key) for key in explorer_curves.METRICS}
    return {key: courses for key, (courses, _) in found.items()}, found["train_loss"].diverged


def explorer(made, folder):
    """The page of the explorer, as its job makes it."""
    courses, said = explorer_courses(made)
    distinct = find_distinct(made.conditions, 906)
    images = content.wrong_images(made.classes)
    paths = made.paths("predictions")
    sure = agreement.confidences(paths, made.runs, made.labels, distinct, images)
    changes = agreement.flips(made.contrasts, made.classes)
    shown = explorer_curves.describe(courses, made.conditions)
    shown |= content.describe_mistakes(made.data, made.classes, images, sure, changes)
    shown |= {"same": content.same_runs(distinct)}
    explorer_page.write(folder / "explorer.html", "T", shown, courses, (), said)
    return shown, (folder / "explorer.html").read_text(encoding="utf-8")


def test_the_explorer_has_the_other_runs_and_says_which_are_missing(study, tmp_path):
    shown, text = explorer(study([*STRONG, *(("none-gbn", seed) for seed in range(SEEDS))]), tmp_path)
    assert [one["name"] for one in shown["conditions"]] == ["none-bn", "l1-bn-0", "l1-bn-1", "l1-bn-2"]
    assert shown["conditions"][-1]["seeds"] == [2, 4]
    assert "8 of 25 runs diverged and are left out" in text
    assert len(shown["runs"]) == 17


def test_last_five_epochs_are_those_of_the_other_runs(study, tmp_path):
    made = study(STRONG)
    table, said = last_five.collect(made.runs, made.paths("metrics"))
    assert said == SAID
    assert table.groupby("condition")["seed"].nunique()["l1-bn-2"] == 2
    last_five.write(tmp_path / "l.html", "T", table, said)
    assert SAID in (tmp_path / "l.html").read_text()


def test_if_all_runs_diverged_there_is_nothing_but_that(study, tmp_path):
    made = study(ALL)
    said = "All 25 runs diverged."
    assert summary.diverged(made.summary) == made.classes.diverged == said
    summary_page.write(tmp_path / "s.html", "T", made.summary, 0, IMAGES)
    table, drawn = made.effects()
    assert set(table["verdict"]) == {"runs diverged"}
    assert answer.sentences(table)[0] == "L1 1e-5: diverged in 5 of 5 runs with it and 5 of 5 without it."
    assert landing.picture(table) == ""
    assert "diverged in 5 of 5 runs" in words(drawn)
    effects_page.write(tmp_path / "e.html", "T", table, [said], [], {})
    noise_page.write(tmp_path / "n.html", "T", noise.describe(made.summary, made.classes), said)
    assert agreement.compare_models(made.contrasts, made.classes, 0).empty
    agreement_page.write(tmp_path / "a.html", "T", made.classes, agreement.tabulate(made.classes, []), [], ["a"])
    courses, found = explorer_courses(made)
    assert (courses["train_loss"], found) == ([], said)
    empty, found = last_five.collect(made.runs, made.paths("metrics"))
    assert (len(empty), found) == (0, said)
    last_five.write(tmp_path / "l.html", "T", empty, said)
    sizes = weights.summarise(made.runs, made.paths("weights"), made.conditions)
    weights_page.write(tmp_path / "w.html", "T", sizes, made.conditions)
    for name in "s e n a l w".split():
        assert said in (tmp_path / f"{name}.html").read_text(encoding="utf-8"), name
    answers = made.responses()
    paths = tmp_path / "responses.csv", tmp_path / "seeds.csv"
    tables.write_frame(paths[0], response_tables.RESPONSES, answers.responses, IDENTITY)
    tables.write_frame(paths[1], response_tables.RESPONSE_SEEDS, answers.seeds, IDENTITY)
    response_figure.draw(*response_figure.read(*paths, IDENTITY, "l1"), "T", made.sweep.over)
    explorer_responses.describe([explorer_responses.read(*paths, IDENTITY, "l1", made.sweep.over)])
