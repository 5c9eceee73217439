"""Tests of all combinations of some values: a few of them by default, all of them in `make test-all`."""

import itertools
from collections.abc import Sequence
from typing import Any

import pytest


def thinned(*factors: Sequence[Any], every: int) -> list[Any]:
    """All combinations of one value of each factor, for `parametrize`. All but one of `every` of them are slow.

    Those whose places add up to a multiple of `every` run by default. So each value runs, and if a factor has `every`
    values, then each pair of values of two other factors runs.
    """
    cases = []
    for chosen in itertools.product(*(enumerate(factor) for factor in factors)):
        runs = sum(place for place, _ in chosen) % every == 0
        cases.append(pytest.param(*(value for _, value in chosen), marks=[] if runs else [pytest.mark.slow]))
    return cases
