"""Runs the saved checkpoint over the hold-out into predictions_holdout.npz."""

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    jobs.pin_threads(snakemake.threads)
    from normreg.analysis import predictions
    from normreg.data import dataset
    from normreg.training import checkpoint, evaluation, subsets
    from normreg.utils import devices

    device = devices.resolve("cpu", snakemake.threads)
    data = dataset.load(snakemake.input.data, snakemake.params.data_digest, snakemake.params.shape)
    condition, seed, run = snakemake.params.condition, int(snakemake.wildcards.seed), snakemake.params.identity
    saved = checkpoint.restore(snakemake.input.checkpoint, condition, data.digest(), seed, run)
    images, labels = subsets.holdout(data, condition["holdout_images"])
    logits = evaluation.logits(saved.model.to(device), images, saved.normalise)
    predictions.save(snakemake.output.predictions, logits, labels, run, saved.engine)
