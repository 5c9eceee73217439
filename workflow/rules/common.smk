# Binds the library to wildcards. No rules here.
from normreg.analysis import plan
from normreg.config import studies
from normreg.report import registry
from normreg.utils import jobs
from normreg.utils.code import Sources
from normreg.utils.devices import wants_gpu
from normreg.workflow import freshness, trials
from normreg.workflow import study as bound
from normreg.workflow.studies import NothingChosenError, Studies, answer, decided
from snakemake.logging import logger

MAIN = internals.is_main(workflow)
SOURCES = Sources(SCRIPTS, memory=Path(".snakemake/normreg-sources.json"))
FRESH = freshness.Freshness(SOURCES, placed, writes=MAIN)
try:
    checked = studies.check_config(studies.fill_in(config))
    config.clear()  # not another dict: a workflow that imports this one may have given its own
    config.update(checked)
    STUDIES = Studies(config, placed)
    if MAIN:
        every = STUDIES.main.targets("training", "evaluation", "figures", "tables")
        freshness.check_results(STUDIES.main, [f"resources/{config['dataset']}.npz", *every], placed)
        STUDIES.main.claims  # says what is wrong with config/claims.yaml
        tried = trials.remarks(STUDIES.main.run.conditions, STUDIES.main.data.network_shape)
        for remark in tried + trials.engine_remarks(STUDIES.main):
            logger.warning(remark)
except NormregError as error:
    raise WorkflowError(str(error)) from None

if MAIN:
    internals.release_dead()
    internals.calm(workflow)
jobs.announce()  # jobs look for this process
USE_GPU = wants_gpu(config["device"], here=internals.runs_here(workflow))


DECIDED = {}  # the study at the last look of `decide`


wildcard_constraints:
    dataset=config["dataset"],
    study="[a-z0-9-]+",
    condition="[a-z0-9-]+",
    sweep="[a-z0-9-]+",
    seed="[0-9]+",
    look="[0-9]+",


def get(function):
    """An input function, param or resource from a function of the study that the wildcards name, and of the wildcards."""

    def found(wildcards):
        try:
            return function(STUDIES.named(wildcards.study), wildcards)
        except NormregError as error:
            raise WorkflowError(str(error)) from None

    return found


def get_facts(study, wildcards):
    return study.facts


def get_each(file):
    """An input function: this file of every run, in the order of `Study.runs`."""
    return get(lambda study, wildcards: study.each(file))


def get_code(script, *modules):
    """A param: one digest of a script, of these modules and of what they can run. Computed only if a job needs it."""

    def digest(wildcards):
        try:
            return SOURCES.digest(script, *modules)
        except NormregError as error:
            raise WorkflowError(f"workflow/scripts/{error}") from None

    return digest


def get_targets(*kinds):
    """An input function: these files of the configured study."""
    return lambda wildcards: STUDIES.main.targets(*kinds)


def get_published(wildcards):
    """An input function: the files of every study with published results."""
    found = []
    try:
        for study in STUDIES.published():
            found += study.targets("training", "evaluation", "figures", "tables")
            if objection := study.landing["comparison"]:
                logger.info(objection)
    except NormregError as error:
        raise WorkflowError(str(error)) from None
    return found


def get_confirmation(wildcards):
    """An input function: the files of a confirmation, which are known when the strengths are chosen."""
    try:
        name = STUDIES.confirmation()
        checkpoints.choose_strengths.get(dataset=config["dataset"], study=STUDIES.main.run.name)
        return STUDIES.named(name).targets("training", "evaluation", "figures", "tables")
    except NothingChosenError as error:
        logger.info(str(error))
        return []
    except NormregError as error:
        raise WorkflowError(str(error)) from None


def get_at_look(function):
    """As `get`, of the study with the seeds of the look that the wildcards name."""
    return get(lambda study, wildcards: function(study.at(int(wildcards.look)), wildcards))


def get_decision(wildcards):
    """An input function: the tables of the looks, until every effect has a verdict or the looks end."""
    found, study = [], STUDIES.main
    try:
        for look in STUDIES.looks():
            taken = checkpoints.take_look.get(dataset=config["dataset"], study=study.run.name, look=str(look))
            found.append(taken.output.looks_look_effects_csv)
            DECIDED["study"] = study.at(look)
            if decided(study.at(look), Path(placed(f"{study.folder}/looks/{look}/effects.csv"))):
                return found
        return found
    except NormregError as error:
        raise WorkflowError(str(error)) from None


def get_prepared_data(wildcards):
    """An input function: the prepared images. Their time counts only if their content is about to change."""
    path = f"resources/{wildcards.dataset}.npz"
    return ancient(path) if FRESH.data_settled(wildcards.dataset) else path


def get_memory(base):
    """A resource: `base` MB, and what the images take."""
    return get(lambda study, wildcards: bound.memory(base, study.data))


def get_item_outputs(rule):
    """The outputs of a rule of `registry.ITEMS`, as the report shows them."""
    found = {}
    for name, shown in registry.files(rule).items():
        path = f"{bound.FOLDER}/{name}"
        if shown is not None:
            path = report(
                path,
                caption=f"../report/{shown.caption}.rst",
                category=shown.category,
                subcategory=shown.subcategory or None,
                labels=get_labels(shown.label),
            )
        found[registry.key(name)] = path
    return found


def get_labels(label):
    """The words by which the report names a file. Those of another study than the configured one say which."""

    def labels(wildcards):
        other = {} if wildcards.study == STUDIES.main.run.name else {"study": wildcards.study}
        return {**other, "what": label.format(**wildcards)}

    return labels


def get_report_facts():
    """What the landing page needs. A report template can use nothing but the configuration."""
    shown = [STUDIES.main.folder, f"{STUDIES.main.folder}{studies.CONFIRM}"]
    pages = [Path(placed(f"{folder}/landing.fragment")) for folder in shown]
    found = [str(page.absolute()) for page in pages if page.is_file()]
    difference = freshness.difference(placed(f"{STUDIES.main.folder}/summary.csv"), STUDIES.main.runs)
    missing = (
        f"{STUDIES.main.folder} has no finished run. Make the run first, or give --report the --config of another."
    )
    return {"landing": found, "difference": difference or (None if found else missing)}


config["report"] = get_report_facts()


onstart:
    if MAIN:
        internals.claim(internals.lock_files(workflow))
    internals.lift_rate_limit(workflow)
    if MAIN and len(STUDIES.main.run.conditions) > 1:
        rules_of = STUDIES.main.rules
        logger.info(plan.margins(rules_of["margin"], rules_of["judge"]))
        too_narrow = plan.margin_note(rules_of["margin"], STUDIES.main.data.test_images)
        if too_narrow:
            logger.warning(too_narrow)


onsuccess:
    if MAIN:
        config["report"] = get_report_facts()  # --report-after-run makes the report next
        if "study" in DECIDED:
            look = DECIDED["study"]
            folder = f"{look.folder}/looks/{len(look.seeds)}"
            for sentence in [*answer(look, Path(placed(folder))), look.landing["plan"]]:
                logger.info(sentence)
            logger.info(f"Results: {folder}/. All pages: --config seeds={len(look.seeds)} in place of decide")
        for folder in config["report"]["landing"]:
            study = STUDIES.named(Path(folder).parent.name)
            for sentence in answer(study, Path(folder).parent):
                logger.info(sentence)
            logger.info(f"Results: {study.folder}/. Report: the same command with --report report.html")


onerror:
    if MAIN:
        logger.error(
            "Some jobs failed: their messages stand above, and all logs are in logs/. Finished jobs are kept. When the "
            "cause is mended, give the same command again: it goes on from there."
        )
