"""Renders summary.csv as the HTML table of the report."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.analysis import summary as summaries
    from normreg.data import dataset
    from normreg.pages import summary

    runs = snakemake.params.runs
    test_images = len(dataset.load(snakemake.input.data, snakemake.params.data_digest).test_labels)
    table = summaries.read(snakemake.input.summary, runs)
    comparison = snakemake.params.comparison
    held_out = runs[0]["holdout_images"]
    summary.write(snakemake.output.page, snakemake.params.title, table, held_out, test_images, comparison)
