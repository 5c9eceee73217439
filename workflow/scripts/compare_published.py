"""Compares a study's published values with the measured ones, as CSV and as a page."""

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    import pandas as pd

    from normreg.analysis import published
    from normreg.pages import published as page
    from normreg.utils import atomic

    block = snakemake.params.published
    table = published.compare(block["conditions"], pd.read_csv(snakemake.input.summary))
    with atomic.replacing(snakemake.output.csv) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    title, readme = snakemake.params.title, snakemake.params.readme
    page.write(snakemake.output.page, title, block["source"], table, readme)
