"""Estimates the response curves of a study's sweeps, as CSV and as a page."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.analysis import plan, response_tables, responses, summary
    from normreg.config import datasets, identity, sweeps
    from normreg.pages import responses as page
    from normreg.utils import tables

    runs, rules = snakemake.params.runs, snakemake.params.rules
    data = datasets.find(snakemake.wildcards.dataset)
    read = summary.read(snakemake.input.summary, runs)
    conditions = snakemake.params.conditions
    facts = responses.Facts(read, conditions, rules["margin"], data.train_images, data.test_images)
    found = responses.estimate([sweeps.from_plain(sweep) for sweep in snakemake.params.sweeps], facts)
    study = identity.identify_all([run["identity"] for run in runs])
    tables.write_frame(snakemake.output.csv, response_tables.RESPONSES, found.responses, study)
    tables.write_frame(snakemake.output.seeds, response_tables.RESPONSE_SEEDS, found.seeds, study)
    tables.write_frame(snakemake.output.shapes, response_tables.RESPONSE_SHAPES, found.shapes, study)
    notes = plan.notes(rules["planned_seeds"], read["seed"].nunique(), sorted(set(read["engine"])))
    page.write(snakemake.output.page, snakemake.params.title, found, notes)
