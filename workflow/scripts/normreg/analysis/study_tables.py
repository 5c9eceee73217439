"""The columns of the CSV files of a study that other jobs read. Tables of single items stand in `report`."""

from collections.abc import Mapping

from normreg.utils.tables import Table, columns_of

_WHO = columns_of(str, "condition", "penalty", "norm")
_RUN_ACCURACIES = ("final_accuracy", "best_accuracy")
_RUN_LOSSES = ("final_loss", "best_loss", "last5_loss", "train_accuracy", "generalization_gap")
OF_PREDICTIONS = ("balanced_accuracy", "macro_f1", "top5_accuracy", "calibration_error", "brier_score")
MAY_BE_UNKNOWN = ("last5_accuracy", "last5_loss", "first_epoch_at_target", "top5_accuracy")
# What a run that diverged does not have. Of other runs only those may be unknown.
MEASURED = (
    *(*_RUN_ACCURACIES, "best_epoch", "mistakes", "test_accuracy", "test_loss", "final_loss", "best_loss"),
    *("train_accuracy", "generalization_gap", "seconds", "images_per_second", *MAY_BE_UNKNOWN),
    *OF_PREDICTIONS,
)
_TEST = ("low", "high", "p", "p_adjusted", "p_equivalence")
_FAILURES = ("runs", "collapses", "far_below", "diverged", "diverged_without")
_BOTH_WAYS = ("paired_low", "paired_high", "paired_p", "blocked_low", "blocked_high", "blocked_p")

SUMMARY = Table(
    "a summary",
    _WHO
    | columns_of(int, "seed", "parameters", "epochs", "diverged_epoch")
    | columns_of(float, *_RUN_ACCURACIES)
    | columns_of(int, "best_epoch")
    | columns_of(float, "last5_accuracy")
    | columns_of(int, "mistakes")
    | columns_of(float, "test_accuracy", "test_loss", *OF_PREDICTIONS)
    | columns_of(str, "validation")
    | columns_of(float, *_RUN_LOSSES)
    | columns_of(int, "first_epoch_at_target")
    | columns_of(str, "engine")
    | columns_of(float, "seconds", "images_per_second")
    | columns_of(str, "run"),
    may_be_empty=frozenset({"diverged_epoch", *MEASURED}),
)
# Settings that every `runs` table has, by dotted key. `splits_used` are the ghost batches of a full and the last batch.
RUN_SETTINGS = (
    columns_of(float, "lambdas.l1", "lambdas.l2", "lambdas.group_l2")
    | columns_of(int, "num_splits", "splits_used.full", "splits_used.last", "batch_size", "train_images")
    | columns_of(int, "holdout_images", "epochs", "validate_every")
    | columns_of(str, "network")
    | columns_of(float, "dropout")
    | columns_of(str, "schedule")
    | columns_of(float, "optimizer.lr")
)


def runs(varying: Mapping[str, type]) -> Table:
    """One row per run: its place, the settings that all tables have, those `varying` in its study, its quantities."""
    who = columns_of(str, "dataset", "study", "name", "condition") | columns_of(int, "seed") | _WHO
    empty = SUMMARY.may_be_empty | set(varying)
    return Table("runs", {**who, **RUN_SETTINGS, **varying, **SUMMARY.columns}, may_be_empty=empty)


EFFECTS = Table(
    "effects",
    columns_of(str, "level", "factor")
    | columns_of(float, "strength")
    | columns_of(str, "other")
    | columns_of(int, "pairs")
    | columns_of(str, "without", "with", "quantity")
    | columns_of(float, "margin")
    | columns_of(int, "seeds")
    | columns_of(float, "difference", *_TEST)
    | columns_of(str, "verdict", "method", "objection")
    | columns_of(float, "error")
    | columns_of(int, "freedom")
    | columns_of(float, *_BOTH_WAYS)
    | columns_of(int, *_FAILURES)
    | columns_of(float, "detectable")
    | columns_of(int, "seeds_for_margin", "seeds_for_equivalence")
    | columns_of(float, "low_new_images", "high_new_images")
    | columns_of(str, "verdict_new_images")
    | columns_of(int, "images_for_equivalence")
    | columns_of(str, "run"),
    may_be_empty=frozenset(
        {"strength", "other", "without", "with", "difference", *_TEST, "verdict", "objection", "error", "freedom"}
    )
    | {*_BOTH_WAYS, *_FAILURES, "detectable", "seeds_for_margin", "seeds_for_equivalence"}
    | {"low_new_images", "high_new_images", "verdict_new_images", "images_for_equivalence"},
)
