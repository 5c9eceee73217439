"""Estimates the effect of each factor of a study from paired seeds, as CSV and as a page."""

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.analysis import contrasts, effects, study_tables, summary
    from normreg.config import identity
    from normreg.config.datasets import DATASETS
    from normreg.pages import effects as page
    from normreg.utils import tables

    conditions, runs = snakemake.params.conditions, snakemake.params.runs
    images = DATASETS[snakemake.wildcards.dataset].train_images
    pairs = contrasts.find_contrasts(conditions, images)
    table = effects.estimate(pairs, summary.read(snakemake.input.summary, runs))
    study = identity.identify_all([run["identity"] for run in runs])
    tables.write_frame(snakemake.output.csv, study_tables.EFFECTS, table, study)
    confounded, fewer = contrasts.find_confounded(conditions, images), contrasts.find_fewer_splits(conditions, images)
    page.write(snakemake.output.page, snakemake.params.title, table, confounded, fewer)
