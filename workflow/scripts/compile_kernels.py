"""Compiles the CPU engine's kernels of one network, if runs on this data set will use them, and writes what it did."""

from pathlib import Path

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.config.datasets import DATASETS
    from normreg.engines import select
    from normreg.utils import atomic, devices

    config, note = snakemake.config, Path(snakemake.output.note)
    device = "cuda" if devices.wants_gpu(config["device"]) else "cpu"
    images = DATASETS[snakemake.wildcards.dataset].train_images
    said = "no kernels: PyTorch trains"
    if select.wants_numba(config["engine"], device, images, config["epochs"] or 1):
        said = select.compile_kernels(snakemake.wildcards.network, Path(snakemake.params.cache))
    jobs.log.info("%s", said)
    with atomic.replacing(note) as temporary:
        temporary.write_text(f"{said}\n")
