"""Trains one condition with one seed into checkpoint.pt and metrics.csv, from where a killed job stopped."""

import sys
from pathlib import Path

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import devices, jobs

with (
    jobs.job(snakemake.log[0]) as starter,
    devices.one(snakemake.config["device"], snakemake.config["jobs_per_gpu"], starter.gone),
):
    jobs.pin_threads(snakemake.threads)
    from normreg.config import networks, sizes
    from normreg.data import dataset
    from normreg.engines import select
    from normreg.settings import table
    from normreg.training import checkpoint, loop, state, subsets
    from normreg.utils import code

    wildcards, condition = snakemake.wildcards, table.whole(snakemake.params.condition)
    seed = int(wildcards.seed)
    data = dataset.load(snakemake.input.data, snakemake.params.data_digest)
    digest = data.digest()
    device = devices.resolve(snakemake.config["device"], snakemake.threads)
    label = f"{wildcards.study} {wildcards.condition} seed {seed}"
    images = len(data.train_labels)
    if fewer := sizes.fewer_splits(condition, images):
        jobs.log.warning("%s: %s", label, fewer)
    wanted, kernels = snakemake.resources.engine, Path(snakemake.params.kernels)
    part = subsets.of_run(data, condition, seed)
    networks.check_unchanged(snakemake.params.network)
    trainer, engine = select.make_trainer(wanted, condition, seed, part, device, kernels)
    made_by = code.of_training(engine)
    key = state.make_key(
        made_by,
        device,
        condition=snakemake.params.condition,
        network=snakemake.params.network,
        seed=seed,
        data=digest,
        threads=snakemake.threads,
        engine=engine,
    )
    with state.held(state.beside(snakemake.output.checkpoint), key) as saved:
        epochs = loop.train(trainer, label, saved, starter)
        diverged = {"diverged": epochs[-1].epoch} if epochs[-1].diverged else {}
        provenance = {
            "run": snakemake.params.identity,
            "study": wildcards.study,
            "name": wildcards.condition,
            "seed": seed,
            "dataset": wildcards.dataset,
            "data_digest": digest,
            "device": device.type,
            "engine": engine,
            "splits_used": sizes.splits_used(condition, images),
            **diverged,
            **checkpoint.facts_of(part, snakemake.params.network[condition["network"]]),
        }
        checkpoint.save(snakemake.output.checkpoint, trainer.model, condition, provenance)
        loop.write_metrics(epochs, snakemake.output.metrics, snakemake.params.identity, digest, made_by)
        # The state stays: killed before Snakemake has recorded success, the outputs are deleted. `evaluate` removes it.
