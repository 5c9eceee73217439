"""Compares a study's published values with the measured ones, as CSV and as a page."""

from normreg import jobs

with jobs.job(snakemake.log[0]):
    import pandas as pd

    from normreg import atomic, published, published_page

    block = snakemake.params.published
    table = published.compare(block["conditions"], pd.read_csv(snakemake.input.summary))
    with atomic.replacing(snakemake.output.csv) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    title, readme = snakemake.params.title, snakemake.params.readme
    published_page.write(snakemake.output.page, title, block["source"], table, readme)
