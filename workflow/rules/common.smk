# Reads the configuration once, and has the functions that the rules use. No rules here.
import functools
import itertools
import shlex
import sys
from types import SimpleNamespace

from normreg.analysis.contrasts import find_contrasts
from normreg.config import claims as claims_file
from normreg.config import comparability, factors, identity, made_of, studies
from normreg.config.datasets import DATASETS
from normreg.errors import ConfigError, NormregError
from normreg.models.description import as_data
from normreg.models.networks import NETWORKS
from normreg.utils import starter
from normreg.utils.code import Sources
from normreg.utils.devices import wants_gpu
from snakemake.logging import logger

try:
    config.update(studies.check_config(config))
    RUN = studies.load_run(config)
except ConfigError as error:
    raise WorkflowError(str(error)) from None

starter.announce()  # jobs look for this process
KERNELS = "resources/engine/kernels"  # compiled code of the CPU engine
FIRST_SEED = config["seeds"][0]
USE_GPU = wants_gpu(config["device"])
# Snakemake does not tell a workflow whether it makes a report. So this looks at the command line.
REPORTING = any(word.partition("=")[0] == "--report" for word in sys.argv) and "--report-after-run" not in sys.argv
SOURCES = Sources(SCRIPTS, data=["normreg/models/networks.py"])  # see network_data


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
    """The run that paths name as {study}. The name says study, network and epochs."""
    try:
        return studies.load_named_run(name)
    except ConfigError as error:
        raise WorkflowError(str(error)) from None


def run_of(wildcards):
    return run_named(wildcards.study)


def condition(wildcards):
    conditions = run_of(wildcards).conditions
    if wildcards.condition not in conditions:
        names = ", ".join(conditions)
        raise WorkflowError(f"study {wildcards.study} has no condition '{wildcards.condition}'; it has {names}.")
    return conditions[wildcards.condition]


def network_data(*names):
    """A param: networks as data. The digest of the code leaves them out."""
    return {name: as_data(NETWORKS[name]) for name in names}


def own_network(wildcards):
    return network_data(condition(wildcards)["network"])


def all_networks(wildcards):
    return network_data(*sorted({settings["network"] for settings in run_of(wildcards).conditions.values()}))


def run_list(wildcards):
    """The facts of each run of a study (`identity.RunFacts`), in order. Readers of the runs' files need them."""
    return [
        {
            "condition": name,
            "penalty": settings["penalty"],
            "norm": settings["norm"],
            "seed": seed,
            "epochs": settings["epochs"],
            "identity": identity.identify(wildcards.dataset, wildcards.study, name, settings, seed),
        }
        for name, settings in run_of(wildcards).conditions.items()
        for seed in config["seeds"]
    ]


def first_seed_runs(wildcards):
    """As `run_list`, of the first seed alone."""
    return [run for run in run_list(wildcards) if run["seed"] == FIRST_SEED]


def study_conditions(wildcards):
    return run_of(wildcards).conditions


def each_run(file):
    """An input function: the file `file` of every condition and seed, in the order of `run_list`."""
    return lambda wildcards: [
        f"results/{wildcards.dataset}/{wildcards.study}/{run['condition']}/seed{run['seed']}/{file}"
        for run in run_list(wildcards)
    ]


def title(wildcards):
    return f"{wildcards.study} on {DATASETS[wildcards.dataset].name}"


def condition_names(wildcards):
    """What figures call the conditions of a study."""
    return factors.condition_labels(
        {name: (settings["penalty"], settings["norm"]) for name, settings in study_conditions(wildcards).items()}
    )


def comparison_figure(wildcards):
    quantity = wildcards.quantity
    heading = f"Validation {quantity}: {title(wildcards)}"
    return {"title": heading, "metric": f"validation_{quantity}", "runs": run_list(wildcards)}


def known_digest(wildcards):
    """A param: the digest of a data set whose content is known, else None."""
    return DATASETS[wildcards.dataset].digest


def condition_figure(wildcards):
    settings = condition(wildcards)
    heading = f"{condition_names(wildcards)[wildcards.condition]}, seed {FIRST_SEED} ({title(wildcards)})"
    owner = identity.identify(wildcards.dataset, wildcards.study, wildcards.condition, settings, FIRST_SEED)
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


def targets(run, *kinds):
    """The files of a run that are targets. `kinds` are some of "training", "evaluation", "figures", "tables".

    The list has every checkpoint and metrics file. Otherwise Snakemake would not make a missing one again, because only
    later jobs read it.
    """
    folder = f"results/{config['dataset']}/{run.name}"
    seeds = [f"{name}/seed{seed}" for name in run.conditions for seed in config["seeds"]]
    conditions = dict.fromkeys([*run.galleries, *run.conditions])
    graphs = [f"{graph}_{quantity}" for graph in ("validation", "small_multiples") for quantity in ("accuracy", "loss")]
    tables = [
        f"{table}.{ending}" for table in ("summary", "layers", "last_five", "effects") for ending in ("csv", "html")
    ]
    tables.append("about.html")
    tables += [f"{table}.{ending}" for table in ("noise", "mcnemar", "agreement") for ending in ("csv", "html")]
    tables += ["runs.csv", "weight_sizes.csv", "weight_sizes.html"]
    tables.append("explorer.html")
    graphs.append("weight_sizes")
    if find_contrasts(run.conditions, DATASETS[config["dataset"]].train_images):
        graphs.append("effects")
    if comparability.published_for(run, config["dataset"]):
        graphs.append("published")
        tables += ["published.csv", "published.html"]
    if claims_of(run.name):
        tables += ["claims.csv", "claims.html"]
    graphs += [f"{name}/curves" for name in conditions]
    files = {
        "training": [f"{seed}/{file}" for seed in seeds for file in ("checkpoint.pt", "metrics.csv")],
        "evaluation": [f"{seed}/{file}" for seed in seeds for file in ("predictions.npz", "weights.csv")],
        "figures": [f"{name}/{kind}.png" for name in conditions for kind in ("gallery", "confusion")]
        + [f"{graph}.{ending}" for graph in graphs for ending in ("png", "svg")]
        + ["agreement.png", "fixed_and_broken.png"],
        "tables": tables,
    }
    return [f"{folder}/{file}" for kind in kinds for file in files[kind]]


def everything(run):
    return targets(run, "training", "evaluation", "figures", "tables")


def facts_of(run):
    """As `run_list`, of a run that is no wildcard."""
    return run_list(SimpleNamespace(dataset=config["dataset"], study=run.name))


def asked_for(runs):
    """The identities of all runs of one seed and condition. A training tells from them how far its study is."""
    return [one["identity"] for run in runs for one in facts_of(run)]


def at_once():
    """How many trainings run at once. None if it is unknown, or if other processes start them, as on a cluster."""
    try:  # not documented attributes: without them, only this number is unknown
        if not (workflow.is_main_process and workflow.local_exec):
            return None
        limits = [workflow.resource_settings.cores]
        gpus = workflow.resource_settings.resources.get("gpu")
    except AttributeError:
        return None
    if USE_GPU:
        limits.append(getattr(gpus, "value", gpus))
    return min((limit for limit in limits if limit), default=None)


def reportable(files, *runs):
    """Returns `files`, which are of `runs`. For a report, files that are missing or of other seeds are one error.

    Snakemake would give a warning for each missing file, and show figures of other seeds as they are.
    """
    for run in runs if REPORTING else ():
        different = made_of.difference(f"results/{config['dataset']}/{run.name}/summary.csv", facts_of(run))
        if different:
            raise WorkflowError(different)
    missing = [file for file in files if not Path(file).exists()] if REPORTING else []
    if missing:
        made = ", ".join(sorted(path.relative_to("results").as_posix() for path in Path("results").glob("*/*/")))
        raise WorkflowError(
            f"--report shows a finished run, but {len(missing)} of its files are missing, such as {missing[0]}: give "
            f"--report the same --config as the run, or make the run first. Begun or finished so far: {made or 'none'}."
        )
    return files


def wanted(*kinds):
    """An input function: the files of the run that is configured, see `targets`."""
    return lambda wildcards: reportable(targets(RUN, *kinds), RUN)


def published_targets(wildcards):
    """The files of every study with published results. Network and epochs of the configuration apply here too."""
    try:
        runs = [studies.load_run({**config, "study": name}) for name in studies.published_studies()]
    except ConfigError as error:
        raise WorkflowError(str(error)) from None
    for objection in filter(None, (comparability.objection(run, config["dataset"]) for run in runs)):
        logger.info(objection)
    config["resolved"]["training"]["runs"] = asked_for(runs)
    return reportable([file for run in runs for file in everything(run)], *runs)
