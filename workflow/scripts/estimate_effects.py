"""Estimates the effect of each factor of a study from paired seeds, as CSV and as a page."""

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    import pandas as pd

    from normreg.analysis import contrasts, effects
    from normreg.pages import effects as page
    from normreg.utils import atomic

    conditions = snakemake.params.conditions
    table = effects.estimate(contrasts.find_contrasts(conditions), pd.read_csv(snakemake.input.summary))
    with atomic.replacing(snakemake.output.csv) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    page.write(snakemake.output.page, snakemake.params.title, table, contrasts.find_confounded(conditions))
