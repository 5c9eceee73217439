"""Collects every run of a study into summary.csv."""

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.analysis import summary as summaries
    from normreg.data import dataset
    from normreg.utils import atomic

    kinds = ("metrics", "predictions", "weights")
    files = [dict(zip(kinds, paths, strict=True)) for paths in zip(*(snakemake.input[k] for k in kinds), strict=True)]
    train_images = len(dataset.load(snakemake.input.data).train_labels)
    summary = summaries.summarise(snakemake.params.runs, files, train_images)
    with atomic.replacing(snakemake.output.summary) as temporary:
        summary.to_csv(temporary, index=False, float_format="%.6g")
