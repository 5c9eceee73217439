"""Renders summary.csv as the HTML table of the report."""

from normreg import jobs

with jobs.job(snakemake.log[0]):
    import pandas as pd

    from normreg import datasets, summary_page

    validation_images = len(datasets.load(snakemake.input.data).test_labels)
    summary_page.write(
        snakemake.output.page, snakemake.params.title, pd.read_csv(snakemake.input.summary), validation_images
    )
