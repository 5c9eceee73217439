"""Draws the images that most runs get wrong, and those that each factor fixes or breaks, as PNG."""

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.analysis import agreement, classes, contrasts
    from normreg.config.datasets import DATASETS
    from normreg.data import dataset
    from normreg.figures import agreement as figures
    from normreg.figures import style

    runs, conditions, titles = snakemake.params.runs, snakemake.params.conditions, snakemake.params.titles
    images = DATASETS[snakemake.wildcards.dataset].train_images
    data = dataset.load(snakemake.input.data, snakemake.params.data_digest)
    distinct = contrasts.find_distinct(conditions, images)
    found = classes.read(snakemake.input.predictions, runs, data.test_labels, distinct)
    changes = agreement.flips(contrasts.find_contrasts(conditions, images), found)
    table = agreement.tabulate(found, changes)
    style.save(figures.draw_hardest(table, data, titles["hardest"]), snakemake.output.hardest)
    style.save(figures.draw_changes(changes, table, data, titles["changes"]), snakemake.output.changes)
