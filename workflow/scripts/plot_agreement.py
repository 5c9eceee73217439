"""Draws the images that most runs get wrong, and those that each factor fixes or breaks, as PNG."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.analysis import agreement
    from normreg.config import datasets
    from normreg.data import dataset
    from normreg.figures import agreement as figures
    from normreg.figures import style

    paths, runs, conditions = snakemake.input.predictions, snakemake.params.runs, snakemake.params.conditions
    train_images = datasets.find(snakemake.wildcards.dataset).train_images
    data = dataset.load(snakemake.input.data, snakemake.params.data_digest)
    classes = len(data.class_names)
    found, changes = agreement.collect(paths, runs, data.test_labels, classes, conditions, train_images)
    table, titles = agreement.tabulate(found, changes, data), snakemake.params.titles
    style.save(figures.draw_hardest(table, data, titles["hardest"]), snakemake.output.hardest)
    style.save(figures.draw_changes(changes, table, data, titles["changes"]), snakemake.output.changes)
