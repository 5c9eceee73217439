"""Every row of the staleness table, on real Snakemake runs: what reruns after an edit, and what does not."""

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

CONDITIONS = ("none-bn", "l1-bn", "l2-gbn")
AGGREGATES = {
    "plot_comparison": 2,
    "plot_small_multiples": 2,
    "summarise": 1,
    "render_summary": 1,
    "tabulate_last_five": 1,
    "estimate_effects": 1,
    "plot_effects": 1,
}


def following(*conditions: str, train: bool = True) -> Counter[str]:
    """The jobs of a retrained condition and of all that follows from it."""
    jobs = Counter(AGGREGATES)
    for name in conditions:
        jobs += Counter([f"evaluate {name} 0", *(f"plot_{kind} {name}" for kind in ("gallery", "confusion", "curves"))])
        if train:
            jobs[f"train {name} 0"] += 1
    return jobs


def touch_everything(folder: Path) -> None:
    for path in folder.rglob("*"):
        if ".snakemake" not in path.parts:
            os.utime(path)


def test_a_copied_project_has_nothing_to_do(copy):
    assert copy.stale() == Counter()


def test_a_lambda_retrains_the_conditions_with_that_penalty(copy):
    copy.edit("config/studies/tiny.yaml", "l1: 1.0e-5", "l1: 2.0e-5")
    assert copy.stale() == following("l1-bn")


def test_an_override_retrains_its_condition(copy):
    copy.edit("config/studies/tiny.yaml", "{penalty: l2, norm: gbn}", "{penalty: l2, norm: gbn, dropout: 0.5}")
    assert copy.stale() == following("l2-gbn")


def test_swapping_two_values_is_seen(copy):
    copy.edit("config/studies/tiny.yaml", "{penalty: none, norm: bn}", "{penalty: none, norm: bn, dropout: 0.9}")
    copy.edit(
        "config/studies/tiny.yaml",
        "none, norm: bn, dropout: 0.9",
        "none, norm: bn, optimizer: {lr: 0.9, momentum: 0.05}",
    )
    # No pair of conditions differs in one factor any more, so there is no figure of effects.
    assert copy.stale() == following("none-bn") - Counter(["plot_effects"])


def test_splits_retrain_gbn_conditions_alone(copy):
    copy.edit("config/studies/tiny.yaml", "num_splits: 2", "num_splits: 4")
    assert copy.stale() == following("l2-gbn")


def test_epochs_retrain_the_study(copy):
    assert copy.stale(config=("epochs=2",)) == following(*CONDITIONS)
    copy.edit("config/studies/tiny.yaml", "epochs: 1", "epochs: 2")
    assert copy.stale() == following(*CONDITIONS)


def test_a_new_seed_runs_alone_with_the_aggregates(copy):
    new = Counter(AGGREGATES)
    new += Counter(f"{rule} {name} 1" for name in CONDITIONS for rule in ("train", "evaluate"))
    assert copy.stale(config=("seeds=2",)) == new


def test_a_new_condition_runs_alone_with_the_aggregates(copy):
    copy.edit("config/studies/tiny.yaml", "galleries:", "  l2-bn: {penalty: l2, norm: bn}\ngalleries:")
    assert copy.stale() == following("l2-bn")


@pytest.mark.parametrize(
    "module", ["training/loop", "models/layers", "data/augmentation", "training/streams", "utils/jobs"]
)
def test_a_module_that_training_imports_retrains(copy, module):
    path = copy.folder / f"workflow/scripts/normreg/{module}.py"
    path.write_text(path.read_text() + "# edited\n")
    jobs = copy.stale()
    assert {job for job in jobs if job.startswith("train ")} == {f"train {name} 0" for name in CONDITIONS}
    assert following(*CONDITIONS) <= jobs


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("normreg/figures/comparison.py", {"plot_comparison": 2}),
        ("normreg/figures/gallery.py", {f"plot_gallery {name}": 1 for name in CONDITIONS}),
        ("plot_confusion.py", {f"plot_confusion {name}": 1 for name in CONDITIONS}),
        ("normreg/pages/summary.py", {"render_summary": 1}),
        ("normreg/pages/effects.py", {"estimate_effects": 1, "plot_effects": 1}),
        ("normreg/figures/effects.py", {"plot_effects": 1}),
        (
            "normreg/analysis/summary.py",
            {"summarise": 1, "render_summary": 1, "tabulate_last_five": 1, "estimate_effects": 1, "plot_effects": 1},
        ),
    ],
)
def test_figure_and_table_code_reruns_itself_and_no_training(copy, file, expected):
    path = copy.folder / "workflow/scripts" / file
    path.write_text(path.read_text() + "# edited\n")
    assert copy.stale() == Counter(expected)


def test_style_of_all_figures_reruns_figures_alone(copy):
    path = copy.folder / "workflow/scripts/normreg/figures/style.py"
    path.write_text(path.read_text() + "# edited\n")
    jobs = copy.stale()
    kinds = ("comparison", "small_multiples", "gallery", "confusion", "curves", "effects")
    assert {job.split()[0] for job in jobs} == {f"plot_{kind}" for kind in kinds}


def test_a_caption_reruns_nothing_and_is_in_the_next_report(copy):
    copy.edit("workflow/report/gallery.rst", "Misclassified", "Edited caption: misclassified")
    assert copy.stale() == Counter()
    copy.snakemake("--report", "report.html")
    assert "Edited caption" in copy.read("report.html")


def test_a_touch_of_any_file_reruns_nothing(copy):
    touch_everything(copy.folder)
    assert copy.stale() == Counter()


def test_a_clone_with_copied_results_needs_one_touch(finished, new_project):
    clone = new_project()
    for name in ("results", "resources"):
        shutil.copytree(finished.folder / name, clone.folder / name, copy_function=shutil.copy)
    clone.snakemake("--touch", "--forceall", cores=1)
    assert clone.stale() == Counter()
    touch_everything(clone.folder)
    assert clone.stale() == Counter()
    clone.edit("config/studies/tiny.yaml", "l1: 1.0e-5", "l1: 2.0e-5")
    assert clone.stale() == following("l1-bn")


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        ((), ("device=cpu",)),
        ((), ("device=cuda", "engine=cudagraph")),
        ((), ("engine=torch",)),
        ((), ("engine=numba",)),
        ((), ("mnist_dir=/somewhere/else",)),
        (("--set-threads", "train=2"), ()),
        (("--set-resources", "train:mem_mb=5000"), ()),
    ],
)
def test_where_a_run_is_computed_reruns_nothing(copy, arguments, settings):
    assert copy.stale(*arguments, config=settings) == Counter()


def test_deleted_kernels_retrain_nothing(copy):
    shutil.rmtree(copy.folder / "resources/engine")
    assert copy.stale() == Counter()


def test_a_key_that_changes_nothing_reruns_nothing(copy):
    copy.edit("config/studies/tiny.yaml", "l2: 1.0e-5", "group_l2: 0.0\n  l2: 1.0e-5")
    assert copy.stale(config=("network=gilf641", "epochs=1")) == Counter()


@pytest.mark.parametrize("file", ["checkpoint.pt", "metrics.csv"])
def test_a_deleted_output_of_training_runs_again_with_what_follows(copy, file):
    (copy.folder / "results/digits/tiny/l1-bn/seed0" / file).unlink()
    assert copy.stale() == following("l1-bn")


def test_a_deleted_figure_is_drawn_again(copy):
    (copy.folder / "results/digits/tiny/l1-bn/gallery.png").unlink()
    assert copy.stale() == Counter({"plot_gallery l1-bn": 1})


def test_after_a_rerun_there_is_nothing_to_do_and_the_rest_is_untouched(copy):
    untouched = copy.folder / "results/digits/tiny/none-bn/seed0/checkpoint.pt"
    before = untouched.stat().st_mtime_ns
    changed = copy.folder / "results/digits/tiny/l1-bn/seed0/checkpoint.pt"
    old = changed.read_bytes()
    copy.edit("config/studies/tiny.yaml", "l1: 1.0e-5", "l1: 1.0e-2")
    copy.snakemake()
    assert copy.stale() == Counter()
    assert untouched.stat().st_mtime_ns == before
    assert changed.read_bytes() != old
