"""Runs the saved checkpoint over the test split and the hold-out into predictions.npz, and measures its weights."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    jobs.pin_threads(snakemake.threads)
    import numpy as np

    from normreg.analysis import predictions
    from normreg.data import dataset
    from normreg.settings import table
    from normreg.training import checkpoint, evaluation, state, subsets
    from normreg.utils import devices

    # The processor is quick enough for 10,000 images, and leaves the GPU to training.
    device = devices.resolve("cpu", snakemake.threads)
    data = dataset.load(snakemake.input.data, snakemake.params.data_digest)
    condition, run = table.whole(snakemake.params.condition), snakemake.params.identity
    saved = checkpoint.restore(snakemake.input.checkpoint, run, data.digest())
    splits = {predictions.TEST: (data.test_images, data.test_labels, data.test_files)}
    if condition["holdout_images"]:
        splits[predictions.HOLDOUT] = subsets.holdout(data, condition["holdout_images"])
    model, tested, diverged = saved.model.to(device), [], saved.diverged
    if diverged is None:
        tested = [(evaluation.logits(model, images, saved.normalise), labels) for images, labels, _ in splits.values()]
    if not all(np.isfinite(logits).all() for logits, _ in tested):
        jobs.log.warning("%s: the saved model gives logits that are not finite, so the run counts as diverged", run)
        diverged = condition["epochs"]
    if diverged is None:
        files = {split: found[2] for split, found in splits.items()}
        predictions.save(
            snakemake.output.predictions, *tested[0], run, saved.engine, *tested[1:] or [None], files=files
        )
    else:
        predictions.save_diverged(snakemake.output.predictions, run, predictions.Diverged(diverged, saved.engine))
    evaluation.write_weights(model, snakemake.output.weights, run, diverged is not None)
    state.beside(snakemake.input.checkpoint).unlink(missing_ok=True)  # training is recorded: this job has its result
