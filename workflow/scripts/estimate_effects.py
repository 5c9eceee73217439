"""Estimates the effect of each factor of a study from paired seeds, as CSV and as a page."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.analysis import contrasts, effects, plan, study_tables, summary
    from normreg.config import datasets, identity
    from normreg.pages import effects as page
    from normreg.utils import tables

    conditions, runs, rules = snakemake.params.conditions, snakemake.params.runs, snakemake.params.rules
    data = datasets.find(snakemake.wildcards.dataset)
    found = summary.read(snakemake.input.summary, runs)
    pairs = contrasts.find_contrasts(conditions, data.train_images)
    table = effects.estimate(pairs, found, rules["margin"], data.test_images)
    study = identity.identify_all([run["identity"] for run in runs])
    tables.write_frame(snakemake.output.csv, study_tables.EFFECTS, table, study)
    confounded = contrasts.find_confounded(conditions, data.train_images)
    fewer = contrasts.find_fewer_splits(conditions, data.train_images)
    notes = plan.notes(rules["planned_seeds"], found["seed"].nunique(), sorted(set(found["engine"])))
    page.write(snakemake.output.page, snakemake.params.title, table, notes, confounded, fewer)
