"""Collects every run of a study into summary.csv."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.analysis import study_tables
    from normreg.analysis import summary as summaries
    from normreg.data import dataset
    from normreg.utils import tables

    kinds = ("metrics", "predictions", "weights")
    files = [dict(zip(kinds, paths, strict=True)) for paths in zip(*(snakemake.input[k] for k in kinds), strict=True)]
    data = dataset.load(snakemake.input.data, snakemake.params.data_digest)
    runs, holdout = snakemake.params.runs, None
    if runs[0]["holdout_images"]:
        from normreg.training import subsets  # PyTorch takes seconds, and most studies have no hold-out

        _, holdout, _ = subsets.holdout(data, runs[0]["holdout_images"])
    summary = summaries.summarise(runs, files, data.test_labels, len(data.class_names), holdout)
    tables.write_frame(snakemake.output.summary, study_tables.SUMMARY, summary)
