"""Runs the saved checkpoint over the test split and the hold-out into predictions.npz, and measures its weights."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    jobs.pin_threads(snakemake.threads)
    from normreg.analysis import predictions
    from normreg.data import dataset
    from normreg.settings import table
    from normreg.training import checkpoint, evaluation, state, subsets
    from normreg.utils import devices

    # The processor is quick enough for 10,000 images, and leaves the GPU to training.
    device = devices.resolve("cpu", snakemake.threads)
    data = dataset.load(snakemake.input.data, snakemake.params.data_digest, snakemake.params.shape)
    condition, run = table.whole(snakemake.params.condition), snakemake.params.identity
    saved = checkpoint.restore(snakemake.input.checkpoint, run, data.digest())
    model, holdout, files = saved.model.to(device), None, {predictions.TEST: data.test_files}
    logits = evaluation.logits(model, data.test_images, saved.normalise)
    if condition["holdout_images"]:
        images, labels, files[predictions.HOLDOUT] = subsets.holdout(data, condition["holdout_images"])
        holdout = (evaluation.logits(model, images, saved.normalise), labels)
    predictions.save(snakemake.output.predictions, logits, data.test_labels, run, saved.engine, holdout, files)
    evaluation.write_weights(saved.model, snakemake.output.weights, run)
    state.beside(snakemake.input.checkpoint).unlink(missing_ok=True)  # training is recorded: this job has its result
