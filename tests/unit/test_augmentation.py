"""Augmentation and normalisation against torchvision's transforms on PIL images, bit for bit."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision import transforms
from torchvision.transforms import functional as TF

from normreg.data import augmentation

DRAWS = 20_000
ROTATION = {"rotation": {"degrees": 7, "fill": 1}}
AFFINE = {"affine": {"degrees": 20, "translate": 0.1, "scale": [0.9, 1.1], "fill": 0}}
JITTER = {"jitter": {"brightness": 0.1, "contrast": 0.1}}
SPECS = [[ROTATION], [AFFINE], [JITTER], [JITTER, ROTATION], [ROTATION, AFFINE, JITTER]]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(count: int, size: int = 28, top: int = 256) -> Tensor:
    return torch.randint(0, top, (count, size, size), generator=generator(99), dtype=torch.uint8)


def to_pil(image: Tensor) -> Image.Image:
    return Image.fromarray(image.numpy())


def from_pil(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image))


def each(function: Callable[..., Image.Image], images: Tensor, *values: Any) -> Tensor:
    """`function` of each PIL image and its values, as one tensor."""
    rows = zip(images, *values, strict=True)
    return torch.stack([from_pil(function(to_pil(image), *rest)) for image, *rest in rows])


def uniform(low: float, high: float, count: int, seed: int) -> Tensor:
    return torch.rand(count, generator=generator(seed), dtype=torch.float64) * (high - low) + low


def decode(matrix: Tensor, size: int = 28) -> tuple[Tensor, Tensor, Tensor]:
    """Angle (as `TF.affine` counts it), shift and scale of inverse maps, by linear algebra."""
    a, b, c, d, e, f = matrix.unbind(1)
    linear = torch.stack([torch.stack([a, b], 1), torch.stack([d, e], 1)], 1)
    offset = torch.stack([c, f], 1) - size / 2
    shift = -torch.linalg.solve(linear, offset.unsqueeze(2)).squeeze(2) - size / 2
    return torch.rad2deg(torch.atan2(b, a)), shift, 1 / torch.hypot(a, b)


def assert_uniform(values: Tensor, low: float, high: float) -> None:
    """All within the bounds, and each tenth of the range has a tenth of the values within five standard errors."""
    assert low <= values.min()
    assert values.max() <= high
    counts = torch.histc(values.double(), 10, low, high)
    assert (counts / len(values) - 0.1).abs().max() < 5 * math.sqrt(0.09 / len(values))


def assert_uncorrelated(a: Tensor, b: Tensor) -> None:
    assert abs(torch.corrcoef(torch.stack([a.double(), b.double()]))[0, 1]) < 5 / math.sqrt(len(a))


# Rotation and affine maps ------------------------------------------------------------------------------------------

SPECIAL_ANGLES = [0, 90, 180, 270, -90, 360, 45, -45, 30, 60, 120, 7, -7, 10, 15, 20, 0.001, -0.001]


@pytest.mark.parametrize("size", [28, 9, 32])
@pytest.mark.parametrize("fill", [1, 0, 200])
def test_rotation_is_torchvisions_on_pil(size: int, fill: int) -> None:
    angles = torch.cat([torch.tensor(SPECIAL_ANGLES, dtype=torch.float64), uniform(-180, 180, 300, 1)])
    images = noise(len(angles), size)
    ours = augmentation.warp(images, augmentation.rotation_matrix(angles, size), fill)
    theirs = each(lambda image, angle: TF.rotate(image, angle, fill=fill), images, angles.tolist())
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("fill", [0, 1])
def test_affine_is_torchvisions_on_pil(fill: int) -> None:
    angles, scales = uniform(-40, 40, 400, 2), uniform(0.7, 1.4, 400, 3)
    shifts = torch.randint(-4, 5, (400, 2), generator=generator(4))
    images = noise(400)
    # affine_matrix counts angles as TF.rotate does, against TF.affine.
    ours = augmentation.warp(images, augmentation.affine_matrix(-angles, shifts, scales), fill)
    theirs = each(
        lambda image, angle, shift, scale: TF.affine(image, angle, shift, scale, [0.0, 0.0], fill=fill),
        images,
        angles.tolist(),
        shifts.tolist(),
        scales.tolist(),
    )
    assert torch.equal(ours, theirs)


def test_shift_alone_moves_the_image_by_whole_pixels() -> None:
    images = noise(1)
    matrix = augmentation.affine_matrix(torch.zeros(1), torch.tensor([[2, -3]]), torch.ones(1))
    expected = torch.full_like(images, 9)
    expected[:, :-3, 2:] = images[:, 3:, :-2]
    assert torch.equal(augmentation.warp(images, matrix, 9), expected)


# Jitter ------------------------------------------------------------------------------------------------------------


def jitter_cases() -> tuple[Tensor, Tensor, Tensor]:
    """Images of many kinds, among them means of exactly x.5, with brightness and contrast factors."""
    halves = torch.zeros(4, 28, 28, dtype=torch.uint8)
    halves[0, :14], halves[1, :, ::2], halves[2], halves[2, :14], halves[3, :14] = 1, 3, 254, 255, 255
    flat = torch.arange(0, 256, 15, dtype=torch.uint8).view(-1, 1, 1).expand(-1, 28, 28)
    digits = noise(60) * (noise(60) < 40)
    images = torch.cat([noise(100), noise(60, top=30), digits, flat, halves, halves, halves])
    brightness, contrast = uniform(0.9, 1.1, len(images), 5), uniform(0.9, 1.1, len(images), 6)
    brightness[:40], contrast[20:60] = uniform(0.3, 2.0, 40, 7), uniform(0.3, 2.0, 40, 8)
    brightness[60:64], contrast[62:66] = torch.tensor([0.0, 1, 0, 1]), torch.tensor([0.0, 1, 1, 0])
    brightness[-8:] = 1
    contrast[-8:-4], contrast[-4:] = 0.5, 1.5
    return images, brightness.float(), contrast.float()


@pytest.mark.parametrize("brightness_first", [True, False])
def test_jitter_is_torchvisions_on_pil_in_both_orders(brightness_first: bool) -> None:
    images, brightness, contrast = jitter_cases()

    def theirs(image: Image.Image, bright: float, sharp: float) -> Image.Image:
        if brightness_first:
            return TF.adjust_contrast(TF.adjust_brightness(image, bright), sharp)
        return TF.adjust_brightness(TF.adjust_contrast(image, sharp), bright)

    ours = augmentation.jitter(images, brightness, contrast, torch.full((len(images),), brightness_first))
    assert torch.equal(ours, each(theirs, images, brightness.tolist(), contrast.tolist()))


def test_jitter_takes_the_order_of_each_image() -> None:
    images, brightness, contrast = noise(40), uniform(0.3, 2, 40, 7).float(), uniform(0.3, 2, 40, 8).float()
    first = torch.arange(40) % 2 == 0
    mixed = augmentation.jitter(images, brightness, contrast, first)
    one, other = (augmentation.jitter(images, brightness, contrast, torch.full((40,), flag)) for flag in (True, False))
    assert not torch.equal(one, other)
    assert torch.equal(mixed, torch.where(first.view(-1, 1, 1), one, other))


# Whole specs -------------------------------------------------------------------------------------------------------


def by_torchvision(spec: list[dict], draws: list[dict[str, Tensor]], images: Tensor) -> Tensor:
    """The steps of `spec` one after the other, each by torchvision on PIL images, with the values that were drawn."""
    for step, values in zip(spec, draws, strict=True):
        ((kind, arguments),) = step.items()
        if kind == "jitter":
            rows = zip(*(values[key].tolist() for key in ("brightness", "contrast", "brightness_first")), strict=True)
            images = each(jitter_one, images, rows)
        else:
            angle, shift, scale = decode(values["matrix"])
            rows = zip(angle.tolist(), shift.round().long().tolist(), scale.tolist(), strict=True)
            images = each(
                lambda image, row, fill=arguments["fill"]: TF.affine(image, *row, [0.0, 0.0], fill=fill), images, rows
            )
    return images


def jitter_one(image: Image.Image, row: tuple[float, float, bool]) -> Image.Image:
    brightness, contrast, brightness_first = row
    if brightness_first:
        return TF.adjust_contrast(TF.adjust_brightness(image, brightness), contrast)
    return TF.adjust_brightness(TF.adjust_contrast(image, contrast), brightness)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: "-".join(next(iter(step)) for step in spec))
def test_steps_are_applied_in_the_order_of_the_spec(spec: list[dict]) -> None:
    images = noise(100)
    draws = augmentation.draw(spec, 100, generator())
    assert torch.equal(augmentation.apply(spec, draws, images), by_torchvision(spec, draws, images))


@pytest.mark.parametrize("batch", [1, 7, 32])
def test_batches_with_their_rows_of_the_epochs_draws_give_the_same_images(batch: int) -> None:
    spec, images = SPECS[-1], noise(50)
    draws = augmentation.draw(spec, 50, generator())
    parts = []
    for start in range(0, 50, batch):
        rows = [{name: values[start : start + batch] for name, values in step.items()} for step in draws]
        parts.append(augmentation.apply(spec, rows, images[start : start + batch]))
    assert torch.equal(torch.cat(parts), augmentation.apply(spec, draws, images))


def test_an_empty_spec_is_the_identity() -> None:
    images = noise(5)
    draws = augmentation.draw([], 5, generator())
    assert draws == []
    assert torch.equal(augmentation.apply([], draws, images), images)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: "-".join(next(iter(step)) for step in spec))
def test_images_stay_uint8_of_their_shape_and_the_source_unchanged(spec: list[dict]) -> None:
    images = noise(3)
    result = augmentation.apply(spec, augmentation.draw(spec, 3, generator()), images)
    assert (result.dtype, result.shape) == (torch.uint8, (3, 28, 28))
    assert not torch.equal(result, images)
    assert torch.equal(images, noise(3))


def test_draws_of_another_spec_are_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        augmentation.apply([ROTATION, JITTER], augmentation.draw([ROTATION], 2, generator()), noise(2))


# Draws -------------------------------------------------------------------------------------------------------------


def test_draws_have_a_row_an_image() -> None:
    rotation, affine, jitter = augmentation.draw(SPECS[-1], 11, generator())
    assert (rotation["matrix"].shape, affine["matrix"].shape) == ((11, 6), (11, 6))
    assert set(jitter) == {"brightness", "contrast", "brightness_first"}
    assert {values.shape for values in jitter.values()} == {(11,)}


def test_draws_repeat_with_the_generators_seed_only() -> None:
    first, second, other = (augmentation.draw(SPECS[-1], 20, generator(seed)) for seed in (1, 1, 2))
    for a, b, c in zip(first, second, other, strict=True):
        assert all(torch.equal(a[name], b[name]) for name in a)
        assert not any(torch.equal(a[name], c[name]) for name in a)


def test_draws_leave_the_default_generator_alone() -> None:
    before = torch.get_rng_state()
    augmentation.draw(SPECS[-1], 20, generator())
    assert torch.equal(torch.get_rng_state(), before)


def test_rotations_are_uniform_and_do_nothing_else() -> None:
    (values,) = augmentation.draw([ROTATION], DRAWS, generator())
    angle, shift, scale = decode(values["matrix"])
    assert_uniform(angle, -7, 7)
    assert shift.abs().max() < 1e-9
    assert (scale - 1).abs().max() < 1e-9


def test_affine_draws_are_uniform_and_independent() -> None:
    (values,) = augmentation.draw([AFFINE], DRAWS, generator())
    angle, shift, scale = decode(values["matrix"])
    assert_uniform(angle, -20, 20)
    assert_uniform(scale, 0.9, 1.1)
    assert_uncorrelated(angle, scale)
    assert_uncorrelated(angle, shift[:, 0])
    assert_uncorrelated(scale, shift[:, 1])
    assert_uncorrelated(shift[:, 0], shift[:, 1])


def test_shifts_are_whole_pixels_of_a_rounded_uniform_draw() -> None:
    (values,) = augmentation.draw([AFFINE], DRAWS, generator())
    _, shift, _ = decode(values["matrix"])
    assert (shift - shift.round()).abs().max() < 1e-9
    for axis in (0, 1):
        pixels = shift[:, axis].round()
        assert pixels.abs().max() == 3
        # uniform over +-2.8 pixels, then rounded
        for distance, share in {-3: 0.3, -2: 1.0, -1: 1.0, 0: 1.0, 1: 1.0, 2: 1.0, 3: 0.3}.items():
            p = share / 5.6
            assert abs((pixels == distance).double().mean() - p) < 5 * math.sqrt(p * (1 - p) / DRAWS)


def test_draws_follow_the_size_of_the_images() -> None:
    (values,) = augmentation.draw([AFFINE], 2000, generator(), size=20)
    _, shift, _ = decode(values["matrix"], size=20)
    assert (shift - shift.round()).abs().max() < 1e-9
    assert shift.round().abs().max() == 2


def test_jitter_draws_are_uniform_and_independent() -> None:
    (values,) = augmentation.draw([{"jitter": {"brightness": 0.1, "contrast": 0.4}}], DRAWS, generator())
    assert_uniform(values["brightness"], 0.9, 1.1)
    assert_uniform(values["contrast"], 0.6, 1.4)
    assert_uncorrelated(values["brightness"], values["contrast"])
    assert_uncorrelated(values["brightness"], values["brightness_first"])
    assert abs(values["brightness_first"].double().mean() - 0.5) < 5 * 0.5 / math.sqrt(DRAWS)


def test_jitter_factors_are_never_negative() -> None:
    (values,) = augmentation.draw([{"jitter": {"brightness": 1.5, "contrast": 2.0}}], DRAWS, generator())
    assert_uniform(values["brightness"], 0, 2.5)
    assert_uniform(values["contrast"], 0, 3)


def test_steps_of_one_epoch_draw_separately() -> None:
    first, second = augmentation.draw([ROTATION, ROTATION], DRAWS, generator())
    assert_uncorrelated(decode(first["matrix"])[0], decode(second["matrix"])[0])


# Normalisation -----------------------------------------------------------------------------------------------------


def test_normalise_is_to_tensor_and_normalize_on_pil() -> None:
    images = torch.cat([noise(5), torch.arange(256, dtype=torch.uint8).view(1, 16, 16).repeat(1, 2, 2)[:, :28, :28]])
    images[0].view(-1)[:256] = torch.arange(256, dtype=torch.uint8)
    theirs = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    ours = augmentation.normalise(images)
    assert (ours.dtype, ours.shape) == (torch.float32, (6, 1, 28, 28))
    assert torch.equal(ours, torch.stack([theirs(to_pil(image)) for image in images]))


def test_normalised_black_fill_and_white_are_the_known_values() -> None:
    values = augmentation.normalise(torch.tensor([[[0, 1, 255]]], dtype=torch.uint8)).flatten().tolist()
    assert values == pytest.approx([-0.4242, -0.4115, 2.8215], abs=1e-4)
