"""Estimates the effect of each factor of a study from paired seeds, as CSV and as a page."""

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    import pandas as pd

    from normreg.analysis import contrasts, effects
    from normreg.config.datasets import DATASETS
    from normreg.pages import effects as page
    from normreg.utils import atomic

    conditions, images = snakemake.params.conditions, DATASETS[snakemake.wildcards.dataset].train_images
    table = effects.estimate(contrasts.find_contrasts(conditions, images), pd.read_csv(snakemake.input.summary))
    with atomic.replacing(snakemake.output.csv) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    confounded, fewer = contrasts.find_confounded(conditions, images), contrasts.find_fewer_splits(conditions, images)
    page.write(snakemake.output.page, snakemake.params.title, table, confounded, fewer)
