"""Trains one condition with one seed into checkpoint.pt and metrics.csv."""

from normreg import jobs

with jobs.job(snakemake.log[0]):
    jobs.pin_threads(snakemake.threads)
    from normreg import checkpoint, datasets, devices, history, training

    wildcards, condition = snakemake.wildcards, snakemake.params.condition
    data = datasets.load(snakemake.input.data)
    device = devices.resolve(snakemake.config["device"], snakemake.threads)
    label = f"{wildcards.study} {wildcards.condition} seed {wildcards.seed}"
    model, epochs = training.train(condition, int(wildcards.seed), data, device, label)
    provenance = {
        "study": wildcards.study,
        "name": wildcards.condition,
        "seed": int(wildcards.seed),
        "dataset": wildcards.dataset,
        "data_digest": data.digest(),
        "device": device.type,
        "engine": "torch",
    }
    checkpoint.save(snakemake.output.checkpoint, model, condition, provenance)
    history.write(epochs, snakemake.output.metrics)
