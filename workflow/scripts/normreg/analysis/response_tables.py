"""The columns of the CSV files of response curves, see results/README.md."""

from normreg.utils.tables import Table, columns_of

_FAILURES = ("runs", "collapses", "far_below", "diverged", "diverged_without")
_TEST = ("low", "high", "p", "p_adjusted", "low_90", "high_90", "p_equivalence")
_SPOT = columns_of(str, "sweep", "level", "curve", "value") | columns_of(float, "x", "y")
RESPONSES = Table(
    "responses",
    _SPOT
    | columns_of(str, "penalty", "norm", "factor")
    | columns_of(float, "strength")
    | columns_of(str, "condition", "reference")
    | columns_of(int, "pairs", "family")
    | columns_of(str, "quantity")
    | columns_of(float, "margin")
    | columns_of(int, "seeds")
    | columns_of(float, "mean", "difference", *_TEST)
    | columns_of(str, "verdict", "method", "objection")
    | columns_of(float, "error")
    | columns_of(int, "freedom", *_FAILURES)
    | columns_of(str, "run"),
    may_be_empty=frozenset({"x", "y", "penalty", "norm", "factor", "strength", "condition", "reference", "pairs"})
    | frozenset({"family", "mean", "difference", *_TEST, "verdict", "method", "objection", "error", "freedom"})
    | {*_FAILURES},
)
RESPONSE_SEEDS = Table(
    "responses of single seeds",
    _SPOT
    | columns_of(str, "quantity")
    | columns_of(int, "seed")
    | columns_of(float, "number")
    | columns_of(str, "run"),
    may_be_empty=frozenset({"x", "y", "number"}),
)
RESPONSE_SHAPES = Table(
    "shapes of responses",
    columns_of(str, "sweep", "curve", "penalty", "norm", "factor", "reference", "quantity")
    | columns_of(int, "conditions", "left_out", "seeds")
    | columns_of(float, "p")
    | columns_of(str, "shape")
    | columns_of(float, "peak")
    | columns_of(int, "rises")
    | columns_of(str, "method", "objection")
    | columns_of(int, "freedom")
    | columns_of(str, "best")
    | columns_of(float, "best_strength", "best_difference")
    | columns_of(str, "run"),
    may_be_empty=frozenset({"p", "shape", "peak", "rises", "method", "objection", "freedom"})
    | frozenset({"best", "best_strength", "best_difference"}),
    may_have_no_row=True,  # a sweep over something else than a strength has no shape
)
CHOSEN = Table(
    "chosen strengths",
    columns_of(str, "sweep", "base", "condition", "reference")
    | columns_of(float, "strength", "holdout_difference")
    | columns_of(int, "seeds")
    | columns_of(str, "run"),
    may_be_empty=frozenset({"condition", "strength", "holdout_difference"}),
)
