"""Collects every run of a study into summary.csv."""

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.analysis import study_tables
    from normreg.analysis import summary as summaries
    from normreg.data import dataset
    from normreg.utils import tables

    kinds = ("metrics", "predictions", "weights")
    files = [dict(zip(kinds, paths, strict=True)) for paths in zip(*(snakemake.input[k] for k in kinds), strict=True)]
    data = dataset.load(snakemake.input.data, snakemake.params.data_digest)
    summary = summaries.summarise(snakemake.params.runs, files, len(data.train_labels), data.test_labels)
    tables.write_frame(snakemake.output.summary, study_tables.SUMMARY, summary)
