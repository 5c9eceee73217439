"""Runs the saved checkpoint over the validation split into predictions.npz, and measures its weights."""

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    jobs.pin_threads(snakemake.threads)
    from normreg.analysis import predictions
    from normreg.data import dataset
    from normreg.training import checkpoint, evaluation, state
    from normreg.utils import devices

    # The processor is quick enough for 10,000 images, and leaves the GPU to training.
    device = devices.resolve("cpu", snakemake.threads)
    data = dataset.load(snakemake.input.data, snakemake.params.data_digest, snakemake.params.shape)
    condition, seed, run = snakemake.params.condition, int(snakemake.wildcards.seed), snakemake.params.identity
    saved = checkpoint.restore(snakemake.input.checkpoint, condition, data.digest(), seed, run)
    logits = evaluation.logits(saved.model.to(device), data.test_images, saved.normalise)
    predictions.save(snakemake.output.predictions, logits, data.test_labels, run, saved.engine)
    evaluation.write_weights(saved.model, snakemake.output.weights, run)
    state.beside(snakemake.input.checkpoint).unlink(missing_ok=True)  # training is recorded: this job has its result
