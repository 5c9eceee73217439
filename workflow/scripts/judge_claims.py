"""Judges what a published study says of its experiments, as CSV and as a page."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.analysis import claims, metrics, study_tables, summary
    from normreg.config import datasets, identity
    from normreg.pages import claims as page
    from normreg.utils import tables

    params, runs = snakemake.params, snakemake.params.runs
    measured = claims.Measured(
        dataset=datasets.find(snakemake.wildcards.dataset),
        conditions=params.conditions,
        margin=params.margin,
        summary=summary.read(snakemake.input.summary, runs),
        courses={
            (run["condition"], run["seed"]): metrics.read(file, claims.COURSES, run["identity"], run["epochs"])
            for run, file in zip(runs, snakemake.input.metrics, strict=True)
        },
    )
    table = claims.judge(params.claims, measured)
    study = identity.identify_all([run["identity"] for run in runs])
    tables.write_frame(snakemake.output.csv, study_tables.CLAIMS, table, study)
    page.write(snakemake.output.page, params.title, params.source, table)
