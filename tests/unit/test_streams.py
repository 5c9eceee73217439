"""Random streams: separate, stable and reproducible."""

import hashlib
import itertools
from pathlib import Path
from typing import Any

import pytest
import torch

from normreg.data import augmentation
from normreg.training import draws

STREAMS = [draws.INIT, draws.ORDER, draws.AUGMENTATION, draws.DROPOUT]


def test_the_four_streams_have_four_names() -> None:
    assert STREAMS == ["init", "order", "augmentation", "dropout"]


def test_every_stream_seed_and_epoch_has_its_own_seed() -> None:
    keys = list(itertools.product(range(20), STREAMS, range(30)))
    assert len({draws.stream_seed(*key) for key in keys}) == len(keys)


def test_pytorchs_32_bits_of_a_seed_are_distinct_over_a_large_study() -> None:
    # The CPU generator keeps the low 32 bits only.
    keys = list(itertools.product(range(20), STREAMS, range(41)))
    assert len({draws.stream_seed(*key) % 2**32 for key in keys}) == len(keys)


@pytest.mark.parametrize(
    ("arguments", "value"),
    [((0, "init"), 1397630600457869760), ((7, "dropout", 25), 7865565778638394871)],
)
def test_seeds_stay_the_same_for_ever(arguments: tuple, value: int) -> None:
    assert draws.stream_seed(*arguments) == value


@pytest.mark.parametrize(("seed", "stream", "epoch"), [(0, "init", 0), (3, "order", 12), (12, "order", 3)])
def test_seed_is_the_top_63_bits_of_sha256_read_little_endian(seed: int, stream: str, epoch: int) -> None:
    words = hashlib.sha256(f"{stream}/{seed}/{epoch}".encode("ascii")).hexdigest()[:16]
    assert draws.stream_seed(seed, stream, epoch) == int(bytes.fromhex(words)[::-1].hex(), 16) // 2


def test_seeds_fit_into_63_bits_and_use_them() -> None:
    values = [draws.stream_seed(seed, stream) for seed in range(200) for stream in STREAMS]
    assert min(values) >= 0
    assert 2**62 < max(values) < 2**63


def test_epoch_defaults_to_zero() -> None:
    assert draws.stream_seed(4, "init") == draws.stream_seed(4, "init", 0)


def test_generator_repeats_and_is_a_cpu_generator_of_its_own() -> None:
    before = torch.get_rng_state()
    first, second = (torch.rand(5, generator=draws.generator(1, "order", 2)) for _ in range(2))
    assert torch.equal(first, second)
    assert draws.generator(1, "order", 2).device == torch.device("cpu")
    assert torch.equal(torch.get_rng_state(), before)


def test_generator_is_seeded_with_the_streams_seed() -> None:
    expected = torch.Generator().manual_seed(draws.stream_seed(1, "order", 2))
    assert torch.equal(draws.generator(1, "order", 2).get_state(), expected.get_state())


@pytest.mark.parametrize("other", [(2, "order", 2), (1, "init", 2), (1, "order", 3)])
def test_generators_of_other_streams_draw_other_numbers(other: tuple[int, str, int]) -> None:
    here, there = (torch.rand(5, generator=draws.generator(*key)) for key in ((1, "order", 2), other))
    assert not torch.equal(here, there)


# --- what is drawn from them, for every engine

SPEC = [{"rotation": {"degrees": 7, "fill": 1}}, {"jitter": {"brightness": 0.1, "contrast": 0.2}}]


def test_an_epoch_is_drawn_from_its_two_streams() -> None:
    drawn = draws.epoch_draws(3, 2, 20, SPEC, (28, 28))
    assert torch.equal(drawn.order, torch.randperm(20, generator=draws.generator(3, "order", 2)))
    expected = augmentation.draw(SPEC, 20, draws.generator(3, "augmentation", 2), (28, 28))
    assert len(drawn.augmentation) == len(expected) == 2
    for found, step in zip(drawn.augmentation, expected, strict=True):
        assert found.keys() == step.keys()
        assert all(torch.equal(found[name], values) for name, values in step.items())


def test_the_order_does_not_depend_on_the_augmentation_and_changes_with_seed_and_epoch() -> None:
    order = draws.epoch_draws(3, 2, 20, SPEC, (28, 28)).order
    assert torch.equal(order, draws.epoch_draws(3, 2, 20, [], (28, 28)).order)
    assert not torch.equal(order, draws.epoch_draws(4, 2, 20, SPEC, (28, 28)).order)
    assert not torch.equal(order, draws.epoch_draws(3, 3, 20, SPEC, (28, 28)).order)


def test_a_part_has_the_rows_of_its_images() -> None:
    drawn = draws.epoch_draws(0, 1, 20, SPEC, (28, 28))
    part = drawn.part(5, 9).to(torch.device("cpu"))
    assert part.order.tolist() == drawn.order.tolist()[5:9]
    for own, step in zip(part.augmentation, drawn.augmentation, strict=True):
        assert all(torch.equal(own[name], values[5:9]) for name, values in step.items())


def test_conditions_of_a_seed_start_from_the_same_weights(condition: Any) -> None:
    chosen = [condition(), condition(norm="gbn", num_splits=4, dropout=0.5, lambdas={"l1": 1.0})]
    first, second = (draws.initial_model(own, 3).state_dict() for own in chosen)
    assert all(torch.equal(first[name], value) for name, value in second.items())
    other = draws.initial_model(chosen[0], 4).state_dict()
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])


def test_dropout_has_the_seed_of_its_stream_in_every_epoch() -> None:
    assert draws.dropout_key(3, 2) == draws.stream_seed(3, "dropout", 2)
    assert len({draws.dropout_key(seed, epoch) for seed in (3, 4) for epoch in (1, 2)}) == 4


def test_no_engine_draws_on_its_own(root: Path) -> None:
    """Order, augmentation, initial weights and dropout's seeds come from `training.draws` alone."""
    forbidden = ("randperm", "augmentation.draw(", "stream_seed", "streams.generator", "models.build")
    files = list((root / "workflow/scripts/normreg/engines").rglob("*.py"))
    assert files
    assert [(file.name, word) for file in files for word in forbidden if word in file.read_text(encoding="utf-8")] == []
