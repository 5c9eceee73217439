# The files that each target makes. No rules here.
from normreg.analysis.contrasts import find_contrasts
from normreg.config import made_of
from normreg.utils.atomic import is_cut

MOST_DRAWN = 12  # of a study with more conditions, only those of its `galleries` have figures of their own


def targets(run, *kinds):
    """The files of a run that are targets. `kinds` are some of "training", "evaluation", "figures", "tables".

    The list has every checkpoint and metrics file. Otherwise Snakemake would not make a missing one again, because only
    later jobs read it.
    """
    folder = f"results/{config['dataset']}/{run.name}"
    seeds = [f"{name}/seed{seed}" for name in run.conditions for seed in seeds_of(run)]
    every = [*run.galleries, *run.conditions] if len(run.conditions) <= MOST_DRAWN else run.galleries
    conditions = dict.fromkeys(every)
    graphs = [f"{graph}_{quantity}" for graph in ("validation", "small_multiples") for quantity in ("accuracy", "loss")]
    graphs += ["weight_sizes", *(f"{name}/curves" for name in conditions)]
    tables = ["summary", "layers", "last_five", "effects", "noise", "mcnemar", "agreement", "weight_sizes"]
    declared = {name: run.conditions[name] for name in run.declared}
    if find_contrasts(declared, datasets.find(config["dataset"]).train_images):
        graphs.append("effects")
    if run.sweeps:
        graphs += [f"response_{sweep.name}" for sweep in run.sweeps]
        tables.append("responses")
    others = ["response_seeds.csv", "response_shapes.csv"] if run.sweeps else []
    others += ["chosen.csv"] if chooses(run) else []
    if comparability.published_for(run, config["dataset"]):
        graphs.append("published")
        tables.append("published")
    if claims_of(run.name):
        tables.append("claims")
    files = {
        "training": [f"{seed}/{file}" for seed in seeds for file in ("checkpoint.pt", "metrics.csv")],
        "evaluation": [f"{seed}/{file}" for seed in seeds for file in ("predictions.npz", "weights.csv")],
        "figures": [f"{name}/{kind}.png" for name in conditions for kind in ("gallery", "confusion")]
        + [f"{graph}.{ending}" for graph in graphs for ending in ("png", "svg")]
        + ["agreement.png", "fixed_and_broken.png"],
        "tables": [f"{table}.{ending}" for table in tables for ending in ("csv", "html")]
        + ["runs.csv", "about.html", "explorer.html", *others],
    }
    return [f"{folder}/{file}" for kind in kinds for file in files[kind]]


def chooses(run):
    """Whether a hold-out can choose a strength: there is one, and a sweep over one strength alone."""
    held_out = any(settings["holdout_images"] for settings in run.conditions.values())
    return held_out and any(len(sweep.over) == 1 and sweep.strengths for sweep in run.sweeps)


def everything(run):
    return targets(run, "training", "evaluation", "figures", "tables")


def reportable(files, *runs):
    """Returns `files`, which are of `runs`. For a report, files that are missing or of other seeds are one error.

    Snakemake would give a warning for each missing file, and show figures of other seeds as they are.
    """
    for run in runs if REPORTING else ():
        summary = placed(f"results/{config['dataset']}/{run.name}/summary.csv")
        different = made_of.difference(summary, facts_of(config["dataset"], run.name))
        if different:
            raise WorkflowError(different)
    missing = [file for file in map(placed, files) if not Path(file).exists()] if REPORTING else []
    if missing:
        results = Path(placed("results"))
        made = ", ".join(sorted(path.relative_to(results).as_posix() for path in results.glob("*/*/")))
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
        runs = [studies.load_run({**config, "study": name}) for name in study_files.published()]
    except ConfigError as error:
        raise WorkflowError(str(error)) from None
    for run in runs:
        check_name(run)
    for objection in filter(None, (comparability.objection(run, config["dataset"]) for run in runs)):
        logger.info(objection)
    return reportable([file for run in runs for file in everything(run)], *runs)


CONFIRMATION = f"{RUN.name}{studies.CONFIRM}"
CONFIRMING = "confirm" in sys.argv  # in an input function, an error would have a traceback
if CONFIRMING and not chooses(RUN):
    raise WorkflowError(
        f"confirm: study {RUN.study} has nothing to confirm. It needs `validation: holdout`, on which a strength is "
        "chosen, and a sweep over a strength."
    )
if CONFIRMING and study_files.exists(CONFIRMATION):
    raise WorkflowError(
        f"confirm: its results would go to {CONFIRMATION}, which is a study; rename {study_files.path_of(CONFIRMATION)}."
    )


def confirmation(wildcards):
    """The files of a confirmation, which are known when the strengths are chosen. There may be none to confirm."""
    if not REPORTING:  # a report runs no checkpoint; `reportable` says what is missing
        checkpoints.choose_strengths.get(dataset=config["dataset"], study=RUN.name)
    run = run_named(CONFIRMATION)
    if not run.conditions:
        logger.info(nothing_chosen(run))
        return []
    return reportable(everything(run), run)


def refuse_cut(files):
    """Raises if one of these files is empty or lacks its end. Snakemake looks at names and times alone."""
    cut = [file for file in files if is_cut(file)]
    if cut:
        others = f" and {len(cut) - 10} others" if len(cut) > 10 else ""
        raise WorkflowError(
            f"{len(cut)} result files are empty or end too early, as after a power cut or on a full disk: "
            f"{', '.join(cut[:10])}{others}. Delete them and run the same command again, which makes them anew."
        )


if workflow.is_main_process:
    refuse_cut(map(placed, [f"resources/{config['dataset']}.npz", *everything(RUN)]))

# Here and not in an input function, where Snakemake would put a traceback around the message.
if REPORTING and not {"training", "figures", "published", "confirm"}.intersection(sys.argv):
    reportable(everything(RUN), RUN)
