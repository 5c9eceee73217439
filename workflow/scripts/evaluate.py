"""Runs the saved checkpoint over the validation split into predictions.npz, and measures its weights."""

from normreg import jobs

with jobs.job(snakemake.log[0]):
    jobs.pin_threads(snakemake.threads)
    from normreg import checkpoint, datasets, devices, evaluation, predictions

    # The processor is quick enough for 10,000 images, and leaves the GPU to training.
    device = devices.resolve("cpu", snakemake.threads)
    data = datasets.load(snakemake.input.data)
    condition, seed = snakemake.params.condition, int(snakemake.wildcards.seed)
    model = checkpoint.restore(snakemake.input.checkpoint, condition, data.digest(), seed).to(device)
    engine = checkpoint.load(snakemake.input.checkpoint)["engine"]
    logits = evaluation.logits(model, data.test_images)
    predictions.save(snakemake.output.predictions, logits, data.test_labels, engine)
    evaluation.write_weights(model, snakemake.output.weights)
