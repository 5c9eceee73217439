"""Collects every run of a study into summary.csv."""

from normreg import jobs

with jobs.job(snakemake.log[0]):
    from normreg import atomic, datasets, statistics

    kinds = ("metrics", "predictions", "weights")
    files = [dict(zip(kinds, paths, strict=True)) for paths in zip(*(snakemake.input[k] for k in kinds), strict=True)]
    train_images = len(datasets.load(snakemake.input.data).train_labels)
    summary = statistics.summarise(snakemake.params.runs, files, train_images)
    with atomic.replacing(snakemake.output.summary) as temporary:
        summary.to_csv(temporary, index=False, float_format="%.6g")
