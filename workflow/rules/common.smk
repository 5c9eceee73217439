# Reads the configuration once, and has the functions that the rules use. No rules here.
import dataclasses
import functools
import math
import sys
from types import SimpleNamespace

from normreg.config import claims as claims_file
from normreg.config import comparability, costs, datasets, defaults, identity, labels, networks, sizes, studies
from normreg.config import study_files
from normreg.errors import ConfigError, NormregError
from normreg.utils import starter
from normreg.utils.code import Sources
from normreg.utils.devices import wants_gpu
from snakemake.logging import logger

try:
    checked = studies.check_config(defaults.fill(config))
    config.clear()  # not another dict: a workflow that imports this one may have given its own
    config.update(checked)
    RUN = studies.load_run(config)
    DATA = datasets.find(config["dataset"])
    sizes.check(RUN.study, RUN.conditions, DATA)
    networks.check_all(RUN.conditions, DATA.network_shape)
except ConfigError as error:
    raise WorkflowError(str(error)) from None

starter.announce()  # jobs look for this process
KERNELS = placed("resources/engine/kernels")  # compiled code of the CPU engine
# Not a documented attribute. A Snakemake without it looks for a GPU on this machine, also for jobs of a cluster.
USE_GPU = wants_gpu(config["device"], here=getattr(workflow, "local_exec", True))
# Snakemake does not tell a workflow whether it makes a report. So this looks at the command line.
REPORTING = any(word.partition("=")[0] == "--report" for word in sys.argv) and "--report-after-run" not in sys.argv
SOURCES = Sources(SCRIPTS, memory=Path(".snakemake/normreg-sources.json"))


wildcard_constraints:
    dataset=config["dataset"],
    study="[a-z0-9-]+",
    condition="[a-z0-9-]+",
    seed="[0-9]+",


def code(script):
    """A param: one digest of the script and the modules that it can run. Computed only if a job needs it."""

    def digest(wildcards):
        try:
            return SOURCES.digest(script)
        except NormregError as error:
            raise WorkflowError(f"workflow/scripts/{error}") from None

    return digest


@functools.cache
def run_named(name):
    """The run that paths name as {study}. The name says study, network and epochs, and whether it is a confirmation."""
    try:
        run = studies.load_named_run(name)
        return studies.only(run, chosen_conditions(run)) if run.confirms else run
    except NormregError as error:
        raise WorkflowError(str(error)) from None


def chosen_conditions(run):
    """The conditions that a confirmation trains. The table of a finished run says them."""
    from normreg.analysis import chosen  # not above: most calls need no pandas

    folder = SimpleNamespace(dataset=config["dataset"], study=run.confirms)
    path = placed(f"results/{folder.dataset}/{folder.study}/chosen.csv")
    return chosen.to_confirm(path, study_identity(folder))


def check_name(run):
    """Raises if the name of the run means another run."""
    try:
        studies.check_name(run, run_named(run.name))
    except ConfigError as error:
        raise WorkflowError(str(error)) from None


check_name(RUN)


def seeds_of(run):
    """The seeds of a run. Those of a confirmation are new: none of them had a part in the choice."""
    if not run.confirms:
        return config["seeds"]
    first = max(config["seeds"]) + 1
    return list(range(first, first + (run.planned_seeds or len(config["seeds"]))))


def first_seed(wildcards):
    return seeds_of(run_of(wildcards))[0]


def run_of(wildcards):
    run = run_named(wildcards.study)
    if not run.conditions:
        raise WorkflowError(nothing_chosen(run))
    return run


def nothing_chosen(run):
    return f"{run.name}: nothing to confirm, because the hold-out chose to leave the factor out on every curve."


def condition(wildcards):
    conditions = run_of(wildcards).conditions
    if wildcards.condition not in conditions:
        names = ", ".join(conditions)
        raise WorkflowError(f"study {wildcards.study} has no condition '{wildcards.condition}'; it has {names}.")
    return conditions[wildcards.condition]


@functools.cache
def network_data(name):
    """A network as data. Read once: every run has it in its params."""
    return networks.described([name])


def own_network(wildcards):
    """A param: the network of a condition as data."""
    return network_data(condition(wildcards)["network"])


def all_networks(wildcards):
    """A param: the networks of a study as data."""
    names = sorted({settings["network"] for settings in run_of(wildcards).conditions.values()})
    return {name: network_data(name)[name] for name in names}


def data_shape(wildcards):
    """A param: what a network must fit."""
    return list(datasets.find(wildcards.dataset).network_shape)


def run_list(wildcards):
    """The facts of each run of a study (`identity.RunFacts`), in order. Readers of the runs' files need them."""
    return facts_of(wildcards.dataset, wildcards.study)


@functools.cache
def facts_of(dataset, study):
    """As `run_list`. Made once: a study may have thousands of runs, and most of its rules have all of them in params."""
    run, images = run_named(study), datasets.find(dataset).train_images
    return [
        identity.run_facts(
            dataset,
            study,
            name,
            settings,
            seed,
            sizes.trained_images(settings, images),
            network_data(settings["network"])[settings["network"]],
        )
        for name, settings in run.conditions.items()
        for seed in seeds_of(run)
    ]


def first_seed_runs(wildcards):
    """As `run_list`, of the first seed alone."""
    return [run for run in run_list(wildcards) if run["seed"] == first_seed(wildcards)]


def study_conditions(wildcards):
    return run_of(wildcards).conditions


def declared_conditions(wildcards):
    """The conditions of the study file alone, without those of its sweeps."""
    run = run_of(wildcards)
    return {name: run.conditions[name] for name in run.declared}


def training_minutes(wildcards, attempt):
    """A resource: what a batch system lets a training take. Again as much with each retry, in case it was too little."""
    return attempt * costs.training_minutes(condition(wildcards), datasets.find(wildcards.dataset))


def held_out(wildcards):
    return any(settings["holdout_images"] for settings in study_conditions(wildcards).values())


def each_run(file):
    """An input function: the file `file` of every condition and seed, in the order of `run_list`."""
    return lambda wildcards: [
        f"results/{wildcards.dataset}/{wildcards.study}/{run['condition']}/seed{run['seed']}/{file}"
        for run in run_list(wildcards)
    ]


def first_run(file):
    """An input function: the file `file` of a condition's first seed."""
    return lambda w: f"results/{w.dataset}/{w.study}/{w.condition}/seed{first_seed(w)}/{file}"


def title(wildcards):
    return f"{wildcards.study} on {datasets.find(wildcards.dataset).name}"


def named_conditions(wildcards):
    """What figures call the conditions of a study, with their shades. In a confirmation they are those of its study."""
    run = run_of(wildcards)
    study = run_named(run.confirms) if run.confirms else run
    named = labels.name_conditions(study.conditions, study.declared)
    return {name: named[name] for name in run.conditions}


def condition_names(wildcards):
    """The labels of the conditions of a study."""
    return {name: named["label"] for name, named in named_conditions(wildcards).items()}


def comparison_figure(wildcards):
    quantity = wildcards.quantity
    heading = f"{'Hold-out' if held_out(wildcards) else 'Validation'} {quantity}: {title(wildcards)}"
    facts = {"title": heading, "metric": f"validation_{quantity}", "runs": run_list(wildcards)}
    return facts | {"named": named_conditions(wildcards)}


def known_digest(wildcards):
    """A param: the digest of a data set whose content is known, else None."""
    return datasets.find(wildcards.dataset).digest


def memory(base):
    """A resource: `base` MB, and what the images take. The prepared file is read, checked and divided."""

    def megabytes(wildcards):
        data = datasets.find(wildcards.dataset)
        return base + 4 * math.prod(data.shape) * (data.train_images + data.test_images) // 10**6

    return megabytes


def image_shape(wildcards):
    """A param: channels, height and width of the images."""
    return list(datasets.find(wildcards.dataset).shape)


def condition_figure(wildcards):
    settings = condition(wildcards)
    heading = f"{condition_names(wildcards)[wildcards.condition]}, seed {first_seed(wildcards)} ({title(wildcards)})"
    owner = identity_of(wildcards, first_seed(wildcards))
    facts = {"title": heading, "epochs": settings["epochs"], "identity": owner}
    return facts | {"data_digest": known_digest(wildcards)}


def published_results(wildcards):
    """A param: the published results that a run is compared with."""
    run = run_of(wildcards)
    found = comparability.published_for(run, wildcards.dataset)
    if found is None:
        why = comparability.objection(run, wildcards.dataset) or f"Study {run.study} has no published results."
        raise WorkflowError(f"{why} So there are no files called published.")
    return found


@functools.cache
def claims_of(study):
    """The claims about a study. A run with other epochs or another network has none."""
    try:
        return claims_file.of_study(claims_file.load(), study)
    except ConfigError as error:
        raise WorkflowError(str(error)) from None


def claims(wildcards):
    if not claims_of(wildcards.study):
        raise WorkflowError(
            f"config/claims.yaml has no claim about the study {wildcards.study}, so it has no such page."
        )
    return claims_of(wildcards.study)


def claims_source(wildcards):
    return (run_of(wildcards).published or {}).get("source")


def sweeps_of(wildcards):
    """A param: the sweeps of a study as plain data."""
    found = [dataclasses.asdict(sweep) for sweep in run_of(wildcards).sweeps]
    if not found:
        raise WorkflowError(f"study {wildcards.study} has no sweeps, so it has no response curves.")
    return found


def response_tables(wildcards):
    """An input function: the tables of the response curves of a study with sweeps, and of their seeds."""
    files = ["responses.csv", "response_seeds.csv"] if run_of(wildcards).sweeps else []
    return [f"results/{wildcards.dataset}/{wildcards.study}/{file}" for file in files]


def response_figure(wildcards):
    """A param: the title of a sweep's figure, its keys, and whose runs it shows."""
    known = {sweep["name"]: sweep for sweep in sweeps_of(wildcards)}
    if wildcards.sweep not in known:
        raise WorkflowError(f"study {wildcards.study} has no sweep '{wildcards.sweep}'; it has {', '.join(known)}.")
    facts = {"title": f"Response, {wildcards.sweep}: {title(wildcards)}", "over": known[wildcards.sweep]["over"]}
    return facts | {"study": study_identity(wildcards), "sweep": wildcards.sweep}
