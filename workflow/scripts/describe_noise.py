"""Measures how much runs of a study differ that have the same settings, as CSV and as a page."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.analysis import classes, contrasts, noise, study_tables, summary
    from normreg.config import datasets, identity
    from normreg.data import dataset
    from normreg.pages import noise as page
    from normreg.utils import tables

    runs, conditions = snakemake.params.runs, snakemake.params.conditions
    data = dataset.load(snakemake.input.data, snakemake.params.data_digest)
    distinct = contrasts.find_distinct(conditions, datasets.find(snakemake.wildcards.dataset).train_images)
    found = classes.read(snakemake.input.predictions, runs, data.test_labels, len(data.class_names), distinct)
    table = noise.describe(summary.read(snakemake.input.summary, runs), found)
    study = identity.identify_all([run["identity"] for run in runs])
    tables.write_frame(snakemake.output.csv, study_tables.NOISE, table, study)
    page.write(snakemake.output.page, snakemake.params.title, table)
