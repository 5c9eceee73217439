# Whose results lie in the folder of this run. Every job compares what it reads; here is what no job would see. No rules.
from types import SimpleNamespace

from normreg.errors import DataError


def own_identity(wildcards):
    """A param of one run. Under --touch, which believes what it finds, it compares the metrics that lie there."""
    settings = condition(wildcards)
    seed = int(wildcards.seed)
    owner = identity.identify(wildcards.dataset, wildcards.study, wildcards.condition, settings, seed)
    if getattr(workflow, "touch", False):  # not a documented attribute: without it --touch is not guarded
        check_metrics(
            wildcards.study, {"condition": wildcards.condition, "seed": seed, "identity": owner}, settings=True
        )
    return owner


def study_identity(wildcards):
    """A param of tables over all runs of a study."""
    return identity.identify_all([run["identity"] for run in run_list(wildcards)])


def check_metrics(study, run, settings):
    path = f"results/{config['dataset']}/{study}/{run['condition']}/seed{run['seed']}/metrics.csv"
    try:
        identity.check_first(path, run["identity"], settings)
    except DataError as error:
        raise WorkflowError(str(error)) from None


# A folder copied from another study: Snakemake may find it up to date, and then no job reads a file of it.
if workflow.is_main_process:
    for run in run_list(SimpleNamespace(dataset=config["dataset"], study=RUN.name)):
        check_metrics(RUN.name, run, settings=False)
