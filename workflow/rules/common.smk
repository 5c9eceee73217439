# Reads the configuration once and answers what the rules ask of it. No rules here.
import os
import sys
from pathlib import Path

SCRIPTS = Path(workflow.current_basedir).parent / "scripts"
sys.path.insert(0, str(SCRIPTS))

from normreg import config as configuration
from normreg.closure import import_closure
from normreg.devices import wants_gpu
from normreg.errors import ConfigError

try:
    config.update(configuration.check_config(config))
    RUN = configuration.load_run(config)
except ConfigError as error:
    raise WorkflowError(str(error)) from None

RUNS = {RUN.name: RUN}  # by the name that stands in paths as {study}
RESULTS = f"results/{config['dataset']}/{RUN.name}"
FIRST_SEED = config["seeds"][0]
USE_GPU = wants_gpu(config["device"])
config["resolved"] = configuration.resolved_settings(RUN)  # for the report's overview


wildcard_constraints:
    dataset=config["dataset"],
    study="|".join(RUNS),
    condition="[a-z0-9-]+",
    seed="[0-9]+",


def code(script):
    """The script and what it imports, relative to the working directory: absolute paths would retrain a copied project."""
    files = import_closure(SCRIPTS / script, SCRIPTS / "normreg")
    return [os.path.relpath(file) for file in files]


def condition(wildcards):
    return RUNS[wildcards.study].conditions[wildcards.condition]


def run_list(wildcards):
    """Condition, penalty, norm and seed of each run of a study, in order."""
    return [
        {"condition": name, "penalty": settings["penalty"], "norm": settings["norm"], "seed": seed}
        for name, settings in RUNS[wildcards.study].conditions.items()
        for seed in config["seeds"]
    ]


def each_run(file):
    """An input function: `file` of every condition and seed, in the order of `run_list`."""
    return lambda wildcards: [
        f"results/{wildcards.dataset}/{wildcards.study}/{run['condition']}/seed{run['seed']}/{file}"
        for run in run_list(wildcards)
    ]


def title(wildcards):
    return f"{wildcards.study} on {wildcards.dataset}"


def comparison_figure(wildcards):
    quantity = wildcards.quantity
    heading = f"Validation {quantity}: {title(wildcards)}"
    return {"title": heading, "metric": f"validation_{quantity}", "runs": run_list(wildcards)}


def condition_figure(wildcards):
    return {"title": f"{wildcards.condition}, seed {FIRST_SEED} ({title(wildcards)})"}


def shown_first(wildcards):
    """The report's subcategory of a gallery."""
    first = wildcards.condition in RUNS[wildcards.study].galleries
    return "shown first by the study" if first else "the other conditions"


def graph(stem, labels, **marks):
    """A line graph as svg and png, both in the report; labels that differ in one entry become a switch there."""
    return {
        ending: report(f"{stem}.{ending}", labels={**labels, "format": ending}, **marks) for ending in ("svg", "png")
    }


def training_targets(wildcards):
    """Every checkpoint and metrics file by name: Snakemake ignores a missing file that only later jobs read."""
    runs = [f"{RESULTS}/{name}/seed{seed}" for name in RUN.conditions for seed in config["seeds"]]
    return [f"{run}/{file}" for run in runs for file in ("checkpoint.pt", "metrics.csv")]


def figure_targets(wildcards):
    graphs = [f"validation_{quantity}.{ending}" for quantity in ("accuracy", "loss") for ending in ("png", "svg")]
    kinds = ("gallery.png", "confusion.png", "curves.png", "curves.svg")
    conditions = dict.fromkeys([*RUN.galleries, *RUN.conditions])
    return [f"{RESULTS}/{name}" for name in [*graphs, *(f"{c}/{kind}" for c in conditions for kind in kinds)]]


def all_targets(wildcards):
    runs = [f"{RESULTS}/{name}/seed{seed}" for name in RUN.conditions for seed in config["seeds"]]
    evaluated = [f"{run}/{file}" for run in runs for file in ("predictions.npz", "weights.csv")]
    tables = [f"{RESULTS}/{name}" for name in ("summary.csv", "summary.html", "layers.csv", "layers.html")]
    return training_targets(wildcards) + evaluated + figure_targets(wildcards) + tables
