"""Lists the images that the runs of a study get wrong, and what each factor changes, as CSV and as a page."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.analysis import agreement, study_tables
    from normreg.config import datasets, identity
    from normreg.data import dataset
    from normreg.pages import agreement as page
    from normreg.utils import tables

    paths, runs, conditions = snakemake.input.predictions, snakemake.params.runs, snakemake.params.conditions
    train_images = datasets.find(snakemake.wildcards.dataset).train_images
    data = dataset.load(snakemake.input.data, snakemake.params.data_digest)
    classes = len(data.class_names)
    found, changes = agreement.collect(paths, runs, data.test_labels, classes, conditions, train_images)
    table = agreement.tabulate(found, changes, data)
    study = identity.identify_all([run["identity"] for run in runs])
    tables.write_frame(snakemake.output.csv, study_tables.agreement(agreement.columns(changes)), table, study)
    page.write(snakemake.output.page, snakemake.params.title, found, table, changes, [str(n) for n in data.class_names])
