# Where pages and pictures stand in the report, and under which names; what the console says at the end. No rules here.
import argparse
import contextlib
import shlex
from types import SimpleNamespace

from normreg.errors import DataError

ANSWER, COMPARISON, EFFECTS = "1 Answer", "2 Comparison", "3 Effects"
MISTAKES, PUBLISHED, WEIGHTS = "4 Mistakes", "5 Published and claims", "6 Weights and network"
TABLES, CURVES, ABOUT = "7 Tables", "8 Curves", "9 About this run"
FOLDER = "results/{dataset}/{study}"
SHOWN = CONFIRMATION if CONFIRMING else RUN.name  # the run whose answer is told
# A report of several studies must tell them apart. Only the target `published` makes one.
OF_STUDY = {"study": "{study}"} if "published" in sys.argv else {}


def page(name, category, what, subcategory=None):
    """An HTML page about a study. Its caption has the same name."""
    labels = {**OF_STUDY, "what": what}
    shown = {"caption": f"../report/{name}.rst", "category": category, "subcategory": subcategory, "labels": labels}
    return report(f"{FOLDER}/{name}.html", **shown)


def graph(name, category, what, caption=None):
    """A graph about a study, as svg in the report and as png on disk. Its caption has the same name if none is given."""
    labels, text = {**OF_STUDY, "what": what}, f"../report/{caption or name}.rst"
    shown = report(f"{FOLDER}/{name}.svg", caption=text, category=category, labels=labels)
    return {"svg": shown, "png": f"{FOLDER}/{name}.png"}


def picture(name, category, caption, subcategory=None, **labels):
    """A picture of pixels, which has no svg."""
    text, labels = f"../report/{caption}.rst", {**OF_STUDY, **labels}
    return report(f"{FOLDER}/{name}.png", caption=text, category=category, subcategory=subcategory, labels=labels)


def shown_first(wildcards):
    """The report's subcategory of a gallery."""
    first = wildcards.condition in run_of(wildcards).galleries
    return "Galleries shown first by the study" if first else "Galleries of the other conditions"


def validation_split(run):
    """What validation uses, for the landing page."""
    held_out = max(settings["holdout_images"] for settings in run.conditions.values())
    if not held_out:
        return "the official test split"
    return f"a hold-out of {held_out:,} training images; effects are those of the saved models on the test split"


def found():
    """What came out: a sentence for each effect and each response curve, and a picture of the effects.

    It has only what there are readable tables for. The jobs that read them say what is wrong.
    """
    # Not above: pandas takes half a second, and most calls need no answer.
    from normreg.analysis import answer, response_answer
    from normreg.pages import landing

    folder = SimpleNamespace(dataset=config["dataset"], study=SHOWN)
    place = Path(placed(f"results/{folder.dataset}/{folder.study}"))
    told = {}
    with contextlib.suppress(DataError):
        if (place / "effects.csv").exists():
            table = answer.read(place / "effects.csv", study_identity(folder))
            told = {"answer": answer.sentences(table), "picture": landing.picture(table)}
        if (place / "response_shapes.csv").exists() and run_of(folder).sweeps:
            told["answer"] = response_answer.read(place, study_identity(folder)) + told.get("answer", [])
    return told


def given():
    """The words of --config, or -C, on the command line, for commands that belong to this run."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--config", "-C", nargs="*", default=[])
    keys = parser.parse_known_args(sys.argv[1:])[0].config
    return f" --config {shlex.join(keys)}" if keys else ""


# For the landing page, which can use nothing but the configuration.
config["resolved"] = {
    "title": f"{SHOWN} on {datasets.find(config['dataset']).name}",
    "comparison": comparability.objection(RUN, config["dataset"]),
    "seeds": len(config["seeds"]),
    "validation": validation_split(RUN),
    **(found() if any(word.startswith("--report") for word in sys.argv) else {}),
}


onsuccess:
    made = Path(placed(f"results/{config['dataset']}/{SHOWN}")).exists()  # not if there was nothing to confirm
    if workflow.is_main_process and not REPORTING and made:
        config["resolved"].update(found())  # --report-after-run makes the report next
        for sentence in config["resolved"].get("answer", []):
            logger.info(sentence)
        logger.info(
            f"Results: results/{config['dataset']}/{SHOWN}/. "
            f"Report: snakemake {'confirm ' if CONFIRMING else ''}--report report.html{given()}"
        )


onerror:
    if workflow.is_main_process:
        logger.error(
            "Some jobs failed: their messages stand above, and all logs are in logs/. Finished jobs are kept. When the "
            "cause is mended, give the same command again: it goes on from there."
        )
