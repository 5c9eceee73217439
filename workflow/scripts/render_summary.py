"""Renders summary.csv as the HTML table of the report."""

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    import pandas as pd

    from normreg.data import dataset
    from normreg.pages import summary

    validation_images = len(dataset.load(snakemake.input.data).test_labels)
    summary.write(
        snakemake.output.page, snakemake.params.title, pd.read_csv(snakemake.input.summary), validation_images
    )
