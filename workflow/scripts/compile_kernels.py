"""Compiles the CPU engine's kernels of one network, if runs of this study will use them, and writes what it did."""

from pathlib import Path

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.config import studies
    from normreg.config.datasets import DATASETS
    from normreg.engines import contract, select
    from normreg.utils import atomic, devices

    config, wildcards, note = snakemake.config, snakemake.wildcards, Path(snakemake.output.note)
    run = studies.load_named_run(wildcards.study)
    conditions = [c for c in run.conditions.values() if c["network"] == wildcards.network]
    data = contract.DataFacts(train_images=DATASETS[wildcards.dataset].train_images)
    device = "cuda" if devices.wants_gpu(config["device"]) else "cpu"
    said = select.compile_kernels(config["engine"], conditions, data, device, Path(snakemake.params.cache))
    jobs.log.info("%s", said)
    with atomic.replacing(note) as temporary:
        temporary.write_text(f"{said}\n")
