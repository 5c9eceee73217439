"""Makes resources/{dataset}.npz from checked files, downloading them to resources/download/{dataset} if need be."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from pathlib import Path

    from normreg.config import datasets
    from normreg.data import dataset, sources

    name = snakemake.wildcards.dataset
    cache = Path(snakemake.output.data).parent / "download" / name
    data = sources.prepare(datasets.find(name), snakemake.config["mnist_dir"], cache)
    dataset.save(data, snakemake.output.data, snakemake.params.made_of)
