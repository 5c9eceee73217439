# Checks that the results in the folder of this run belong to it. Jobs check the files that they read. Here are the
# checks of files that perhaps no job reads, and of the claims before any job. No rules here.

import time

from normreg.errors import DataError

# Written when something was made otherwise than it would be now; as an input it makes a job run.
CHANGED = Path(".snakemake/normreg/other-settings-or-code")
CONTENTS = Path(".snakemake/normreg-contents.json")  # digests of files that are as they were


def identity_of(wildcards, seed):
    settings = condition(wildcards)
    layers = own_network(wildcards)[settings["network"]]
    return identity.identify(wildcards.dataset, wildcards.study, wildcards.condition, settings, int(seed), layers)


def own_identity(wildcards):
    """A param: the identity of one run."""
    return identity_of(wildcards, wildcards.seed)


def made_otherwise(wildcards):
    """An input function: `CHANGED`, if a run was trained with other settings, network, data or code than now.

    It does not need Snakemake's records, which may be missing: the run's own metrics.csv says what made it.
    """
    metrics = placed(
        f"results/{wildcards.dataset}/{wildcards.study}/{wildcards.condition}/seed{wildcards.seed}/metrics.csv"
    )
    data = recorded_data(wildcards.dataset)
    return [write_changed()] if identity.is_stale(metrics, own_identity(wildcards), data, SOURCES.training) else []


@functools.cache
def recorded_data(dataset):
    """The digest of the prepared images, as their file says it. None if there is no file."""
    return identity.recorded(placed(f"resources/{dataset}.npz"), "digest")


@functools.cache
def data_made_of(dataset):
    """The files and the code of which a data set is prepared. A built-in one is checked by published sums."""
    spec = datasets.find(dataset)
    described, content = datasets.describe(spec), None
    if described is not None:
        from normreg.data import sources  # not above: NumPy takes time, and most calls need none

        try:
            content = sources.content(spec, CONTENTS)  # also compares it with `sha256`
        except NormregError as error:
            raise WorkflowError(str(error)) from None
    return identity.digest([described, content, SOURCES.digest("prepare_data.py")])


def prepared_otherwise(wildcards):
    """An input function: `CHANGED`, if the prepared images were made of other files or by other code than now."""
    found = identity.recorded(placed(f"resources/{wildcards.dataset}.npz"), "made_of")
    return [write_changed()] if found not in (None, data_made_of(wildcards.dataset)) else []


def prepared_data(wildcards):
    """An input function: the prepared images. Their time counts only if their content is about to change."""
    path = f"resources/{wildcards.dataset}.npz"
    settled = known_digest(wildcards) is not None or not prepared_otherwise(wildcards)
    return ancient(path) if settled else path


@functools.cache
def write_changed():
    """Writes `CHANGED` once, with another content each time: Snakemake does not count a new time alone as a change."""
    if workflow.is_main_process:
        CHANGED.parent.mkdir(parents=True, exist_ok=True)
        CHANGED.write_text(f"{time.time_ns()}\n", encoding="utf-8")
    return str(CHANGED)


def study_identity(wildcards):
    """A param: the identity of a table of all runs of a study."""
    return identity.identify_all([run["identity"] for run in run_list(wildcards)])


# Somebody may have copied the folder from another study. If Snakemake finds it up to date, no job reads its files.
if workflow.is_main_process:
    for run in facts_of(config["dataset"], RUN.name):
        path = placed(f"results/{config['dataset']}/{RUN.name}/{run['condition']}/seed{run['seed']}/metrics.csv")
        try:
            identity.check_place(path, run["identity"])
        except DataError as error:
            raise WorkflowError(str(error)) from None
    claims_of(RUN.name)  # says what is wrong with config/claims.yaml before any job starts
