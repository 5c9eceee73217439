"""Makes resources/{dataset}.npz from checked files, downloading them to resources/download/{dataset} if need be."""

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from pathlib import Path

    from normreg.data import dataset as datasets
    from normreg.data import sources

    dataset = snakemake.wildcards.dataset
    cache = Path(snakemake.output.data).parent / "download" / dataset
    datasets.save(sources.prepare(dataset, snakemake.config["mnist_dir"], cache), snakemake.output.data)
