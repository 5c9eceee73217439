"""Builds the page on which a reader explores the curves and the mistakes of all runs of a study."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.analysis import agreement, contrasts, mistakes
    from normreg.config import datasets
    from normreg.data import dataset
    from normreg.pages.explorer import content, curves, page, responses

    paths, runs, conditions = snakemake.input.predictions, snakemake.params.runs, snakemake.params.conditions
    train_images = datasets.find(snakemake.wildcards.dataset).train_images
    data = dataset.load(snakemake.input.data, snakemake.params.data_digest)
    classes = len(data.class_names)
    found, changes = agreement.collect(paths, runs, data.test_labels, classes, conditions, train_images)
    images, distinct = content.wrong_images(found), contrasts.find_distinct(conditions, train_images)
    confidence = mistakes.confidences(paths, runs, data.test_labels, classes, distinct, images)
    courses = curves.read(snakemake.input.metrics, runs)
    sweeps, tables = snakemake.params.sweeps, snakemake.input.responses
    swept = responses.read(*tables, snakemake.params.study, sweeps) if sweeps else []
    drawn = curves.describe(courses, conditions, snakemake.params.named)
    drawn |= {"responses": responses.describe(swept)} if swept else {}
    others = len(page.embedded(drawn)) + (len(responses.tables(swept)) if swept else 0)
    shown = {
        **drawn,
        **content.describe_mistakes(data, found, images, confidence, changes, others),
        "same": content.same_runs(distinct),
    }
    page.write(snakemake.output.page, snakemake.params.title, shown, courses, swept)
