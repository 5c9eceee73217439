"""Compares pairs of saved models of one seed by McNemar's test, as CSV and as a page."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.analysis import classes, contrasts, mcnemar, study_tables
    from normreg.config import datasets, identity
    from normreg.data import dataset
    from normreg.pages import mcnemar as page
    from normreg.utils import tables

    runs, conditions = snakemake.params.runs, snakemake.params.conditions
    images = datasets.find(snakemake.wildcards.dataset).train_images
    data = dataset.load(snakemake.input.data, snakemake.params.data_digest)
    distinct, count = contrasts.find_distinct(conditions, images), len(data.class_names)
    found = classes.read(snakemake.input.predictions, runs, data.test_labels, count, distinct)
    table = mcnemar.compare(contrasts.find_contrasts(conditions, images), found, runs[0]["seed"])
    study = identity.identify_all([run["identity"] for run in runs])
    tables.write_frame(snakemake.output.csv, study_tables.MCNEMAR, table, study)
    page.write(snakemake.output.page, snakemake.params.title, table)
