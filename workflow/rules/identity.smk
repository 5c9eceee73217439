# Checks that the results in the folder of this run belong to it. Jobs check the files that they read. Here are the
# checks of files that perhaps no job reads, and of the claims before any job. No rules here.

from normreg.errors import DataError


def own_identity(wildcards):
    """A param: the identity of one run. With --touch it checks the metrics file, because --touch checks nothing."""
    settings = condition(wildcards)
    seed = int(wildcards.seed)
    owner = identity.identify(wildcards.dataset, wildcards.study, wildcards.condition, settings, seed)
    if getattr(workflow, "touch", False):  # not a documented attribute: without it, --touch goes unchecked
        check_metrics(
            wildcards.study, {"condition": wildcards.condition, "seed": seed, "identity": owner}, settings=True
        )
    return owner


def study_identity(wildcards):
    """A param: the identity of a table of all runs of a study."""
    return identity.identify_all([run["identity"] for run in run_list(wildcards)])


def check_metrics(study, run, settings):
    path = placed(f"results/{config['dataset']}/{study}/{run['condition']}/seed{run['seed']}/metrics.csv")
    try:
        identity.check_first(path, run["identity"], settings)
    except DataError as error:
        raise WorkflowError(str(error)) from None


# Somebody may have copied the folder from another study. If Snakemake finds it up to date, no job reads its files.
if workflow.is_main_process:
    for run in facts_of(config["dataset"], RUN.name):
        check_metrics(RUN.name, run, settings=False)
    claims_of(RUN.name)  # says what is wrong with config/claims.yaml before any job starts
