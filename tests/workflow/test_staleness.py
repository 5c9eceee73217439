"""Every row of the staleness table, on real Snakemake runs: what reruns after an edit, and what does not.

Edits that do not touch each other share a copy and a run. Which files a digest covers is in tests/unit/test_code.py.
The rows of sweeps, of `extends`, of margin and claims, and of files of networks and data sets come with those features.
"""

import os
import shutil
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import torch
from rewriting import rewrite

CONDITIONS = ("none-bn", "l1-bn", "l2-gbn")
RULES = ("summarise", "tabulate", "describe", "draw_study", "estimate_effects", "explore")
AGGREGATES = dict.fromkeys(RULES, 1)
STUDY = "config/studies/tiny.yaml"
CODE = "workflow/scripts/normreg"
PUBLISHED = """\
published:
  {source: a test, dataset: digits, epochs: 1, conditions: {l1-bn: {from: readme, best: 90, best_epoch: 1, final: 90}}}
"""


def following(*conditions: str) -> Counter[str]:
    """The jobs of retrained conditions and of all that follows from them."""
    jobs = Counter(AGGREGATES)
    for name in conditions:
        jobs += Counter([f"train {name} 0", f"evaluate {name} 0", f"draw_condition {name}"])
    return jobs


def add_statement(file: Path) -> None:
    file.write_text(file.read_text() + "\nedited = 1\n")


def touch_everything(folder: Path) -> None:
    for path in folder.rglob("*"):
        if ".snakemake" not in path.parts:
            os.utime(path)


@pytest.mark.slow  # the next test finds it too
def test_a_copied_project_has_nothing_to_do(copy):
    assert copy.stale() == Counter()


def test_comments_docstrings_and_formatting_of_every_source_rerun_nothing(copy):
    assert rewrite(copy.folder / "workflow/scripts") > 100
    assert "# Edited comment." in copy.read(f"{CODE}/training/objective.py")
    assert copy.stale() == Counter()


def test_edits_without_effect_on_results_rerun_nothing(copy):
    """A caption, the order of galleries, a penalty and a network that no run uses, messages, a touch of all.

    `test_main_job.py` looks at the report with the new caption.
    """
    copy.edit("workflow/report/gallery.rst", "Misclassified", "Edited caption: misclassified")
    copy.edit(STUDY, "galleries: [none-bn]", "galleries: [l2-gbn, l1-bn]")
    copy.edit(STUDY, "l2: 1.0e-5", "group_l2: 0.0\n  l2: 1.0e-5")
    copy.edit(f"{CODE}/models/built_in/noopuragr.yaml", "avg_pool: {size: 7}", "avg_pool: {size: 6}")
    copy.edit(f"{CODE}/errors.py", "and run the same command again", "and run it again")
    copy.edit(f"{CODE}/training/loop.py", "Run the same command again", "Run it again")
    touch_everything(copy.folder)
    assert copy.stale() == Counter()


def test_a_colour_redraws_and_trains_nothing(copy):
    copy.edit(f"{CODE}/report/palette.py", '"#', '"#0')
    assert not [job for job in copy.stale() if job.startswith(("train", "evaluate"))]


def test_without_snakemakes_records_a_run_with_other_settings_trains_again_and_no_other(copy):
    shutil.rmtree(copy.folder / ".snakemake")
    assert not [job for job in copy.stale() if job.startswith("train")]
    copy.edit(STUDY, "l1: 1.0e-5", "l1: 1.0e-2")
    assert following("l1-bn") - copy.stale() == Counter()
    assert [job for job in copy.stale() if job.startswith("train")] == ["train l1-bn 0"]
    copy.snakemake("training")
    assert not [job for job in copy.stale() if job.startswith("train")]


@pytest.mark.parametrize("name", ["l1-bn/seed0/metrics.csv", "none-bn/seed0/checkpoint.pt", "effects.svg", "runs.csv"])
def test_an_empty_or_cut_result_is_refused_at_the_start(copy, name):
    path = copy.folder / "results/digits/tiny" / name
    stat, whole = path.stat(), path.read_bytes()
    for content in (b"", whole[: len(whole) // 2]):
        path.write_bytes(content)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        for arguments in (["-n"], ["--report", "r.html"]):
            done = copy.snakemake(*arguments, check=False)
            assert done.returncode
            assert f"results/digits/tiny/{name}" in done.stdout
            assert "Traceback" not in done.stdout


@pytest.mark.parametrize(
    ("device", "engine"),
    [
        ("cuda", "numba"),
        pytest.param("cpu", "torch", marks=pytest.mark.slow),
        pytest.param("auto", "numba", marks=pytest.mark.slow),  # tests/workflow/test_engine_job.py
    ],
)
def test_where_a_run_is_computed_reruns_nothing(copy, device, engine):
    arguments = ("--set-threads", "train=2", "--set-resources", "train:mem_mb=5000")
    same = ("mnist_dir=/somewhere/else", "network=gilf641", "epochs=1")
    assert copy.stale(*arguments, config=(f"device={device}", f"engine={engine}", *same)) == Counter()


def test_a_setting_that_is_new_in_the_library_trains_nothing_and_prepares_nothing(copy):
    """Its value is neutral in every study. What reads the table of settings runs again, because its code changed."""
    row = '    Setting("label_smoothing", number("a share", 0, below=1), default=0.0, neutral=0.0),\n'
    copy.edit(f"{CODE}/settings/table.py", '    Setting("optimizer", ', f'{row}    Setting("optimizer", ')
    rules = {job.split()[0] for job in copy.stale()}
    assert "evaluate" in rules
    assert not {"train", "prepare_data"} & rules


def test_a_margin_or_a_plan_reruns_the_verdicts_and_no_training(copy):
    copy.edit(STUDY, "galleries: [none-bn]", "margin: {accuracy: 0.5}\ngalleries: [none-bn]")
    verdicts = Counter(["estimate_effects", "explore"])  # the second has the landing page
    assert copy.stale() == verdicts
    copy.edit(STUDY, "margin: {accuracy: 0.5}", "planned_seeds: 7")
    assert copy.stale() == verdicts


def test_code_restored_with_an_old_modification_time_retrains(copy):
    """As `cp -p`, `tar` and `rsync -a` leave it."""
    penalties = copy.folder / CODE / "training/objective.py"
    copy.edit(f"{CODE}/training/objective.py", 'lambdas["l1"] * l1(parameters)', '2 * lambdas["l1"] * l1(parameters)')
    os.utime(penalties, (1_000_000_000, 1_000_000_000))
    assert copy.stale() == following(*CONDITIONS)


def test_a_network_retrains_what_uses_it(copy):
    """One that comes with the project; one of the user's own, of one condition; and one in Python."""
    copy.edit(f"{CODE}/models/built_in/gilf641.yaml", "conv: {channels: 8}", "conv: {channels: 9}")
    assert copy.stale() == following(*CONDITIONS) + LAYERS


def test_code_of_single_figures_and_pages_reruns_their_rules_and_no_training(copy):
    for file in ("report/comparison", "report/noise"):
        add_statement(copy.folder / CODE / f"{file}.py")
    with open(copy.folder / CODE / "report/explorer/curves.js", "a") as script:
        script.write("// edited\n")
    assert copy.stale() == Counter(["draw_study", "tabulate", "explore"])


def test_code_of_all_figures_and_of_the_summary_reruns_those_and_no_training(copy):
    add_statement(copy.folder / CODE / "report/style.py")
    add_statement(copy.folder / CODE / "analysis/summary.py")
    assert copy.stale() == Counter(AGGREGATES) + LAYERS + Counter(f"draw_condition {name}" for name in CONDITIONS)


def test_a_lambda_retrains_the_conditions_with_that_penalty(copy):
    copy.edit(STUDY, "l1: 1.0e-5", "l1: 1.0e-2")
    assert copy.stale() == following("l1-bn")


@pytest.mark.slow  # after another training nothing of it is stale: the test of epochs and network below
def test_what_is_retrained_leaves_the_others_alone_and_is_followed(copy):
    untouched = copy.folder / "results/digits/tiny/none-bn/seed0/checkpoint.pt"
    changed = copy.folder / "results/digits/tiny/l1-bn/seed0/checkpoint.pt"
    before, old = untouched.stat().st_mtime_ns, changed.read_bytes()
    copy.edit(STUDY, "l1: 1.0e-5", "l1: 1.0e-2")
    copy.snakemake("results/digits/tiny/l1-bn/seed0/checkpoint.pt")
    assert copy.stale() == following("l1-bn") - Counter(["train l1-bn 0"])
    assert untouched.stat().st_mtime_ns == before
    assert changed.read_bytes() != old


def test_published_values_renew_the_pages_that_show_them(copy):
    copy.edit(STUDY, "galleries:", f"{PUBLISHED}galleries:")
    copy.snakemake("results/digits/tiny/published.png")
    comparison = pd.read_csv(copy.folder / "results/digits/tiny/published.csv").set_index(["condition", "quantity"])
    assert set(comparison.index.get_level_values("condition")) == set(CONDITIONS)
    said = comparison["published"].dropna()
    assert said.to_dict() == {("l1-bn", "final_accuracy"): 90, ("l1-bn", "best_accuracy"): 90}
    copy.edit(STUDY, "best: 90", "best: 91")
    assert copy.stale() == Counter(["compare_published"])


def test_an_override_and_splits_retrain_their_conditions(copy):
    """The override swaps two values, which Snakemake does not see in params of their own."""
    copy.edit(STUDY, "{penalty: none, norm: bn}", "{penalty: none, norm: bn, optimizer: {lr: 0.9, momentum: 0.05}}")
    copy.edit(STUDY, "num_splits: 2", "num_splits: 4")
    assert copy.stale() == following("none-bn", "l2-gbn")


@pytest.mark.slow  # a condition is one param: the tests of a lambda and of an override
def test_epochs_in_the_study_retrain_it(copy):
    copy.edit(STUDY, "epochs: 1", "epochs: 2")
    assert copy.stale() == following(*CONDITIONS)


LAYERS = Counter(["list_layers"])
ANEW = following(*CONDITIONS) + LAYERS


def check_other_runs(copy, network):
    """`epochs=2` and `network` of the configuration make other runs. Those that are there stay as they are."""
    kept = {path: path.read_bytes() for path in (copy.folder / "results").rglob("*.pt")}
    config = (f"network={network}", "epochs=2")
    assert copy.stale(config=config) == ANEW
    run = f"results/digits/tiny-{network}-e2/none-bn/seed0/checkpoint.pt"
    copy.snakemake(run, config=config)
    condition = torch.load(copy.folder / run, weights_only=True)["condition"]
    assert (condition["network"], condition["epochs"]) == (network, 2)
    assert len(kept) >= 3  # a state may lie beside a checkpoint
    assert all(path.read_bytes() == content for path, content in kept.items())
    assert copy.stale("training", run) == Counter()  # the name alone says which run it is


def test_epochs_and_network_of_the_configuration_are_other_runs_and_leave_the_study_alone(copy):
    check_other_runs(copy, "ashxjain")


@pytest.mark.slow  # which network a condition has: tests/unit/test_config.py
def test_so_it_is_where_one_condition_alone_has_a_network_of_its_own(copy):
    copy.edit(STUDY, "{penalty: none, norm: bn}", "{penalty: none, norm: bn, network: ashxjain}")
    copy.snakemake("training")
    assert copy.stale(config=("epochs=2",)) == ANEW
    assert copy.stale(config=("network=gilf641",)) == ANEW
    check_other_runs(copy, "gilf641")


def test_a_new_seed_and_a_new_condition_run_alone_with_the_aggregates(copy):
    copy.edit(STUDY, "galleries:", "  l2-bn: {penalty: l2, norm: bn}\ngalleries:")
    second = Counter(f"{rule} {name} 1" for name in (*CONDITIONS, "l2-bn") for rule in ("train", "evaluate"))
    assert copy.stale(config=("seeds=2",)) == following("l2-bn") + second


def test_deleted_files_are_made_again_with_what_follows(copy):
    for file in ("l1-bn/seed0/checkpoint.pt", "l2-gbn/seed0/metrics.csv", "none-bn/gallery.png"):
        (copy.folder / "results/digits/tiny" / file).unlink()
    assert copy.stale() == following("l1-bn", "l2-gbn") + Counter(["draw_condition none-bn"])


def test_a_clone_with_copied_results_needs_one_touch(finished, new_project):
    clone = new_project()
    for name in ("results", "resources"):
        shutil.copytree(finished.folder / name, clone.folder / name, copy_function=shutil.copy)
    clone.snakemake("--touch", "--forceall", cores=1)
    touch_everything(clone.folder)
    clone.edit(STUDY, "l1: 1.0e-5", "l1: 2.0e-5")
    add_statement(clone.folder / CODE / "report/confusion.py")
    others = Counter(f"draw_condition {name}" for name in CONDITIONS if name != "l1-bn")
    assert clone.stale() == following("l1-bn") + others  # and nothing of what nobody edited
