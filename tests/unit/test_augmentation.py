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
from normreg.data.specs import MNIST_PIXELS
from normreg.training.evaluation import Normaliser

DRAWS = 20_000
SHAPE = (28, 28)
ROTATION = {"rotation": {"degrees": 7, "fill": 1}}
AFFINE = {"affine": {"degrees": 20, "translate": 0.1, "scale": [0.9, 1.1], "fill": 0}}
JITTER = {"jitter": {"brightness": 0.1, "contrast": 0.1}}
FLIP, CROP = {"flip": {"probability": 0.5}}, {"crop": {"padding": 4, "fill": 0}}
CUTOUT = {"cutout": {"size": 8, "fill": 0}}
SPECS = [[ROTATION], [AFFINE], [JITTER], [JITTER, ROTATION], [ROTATION, AFFINE, JITTER]]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(count: int, size: int = 28, top: int = 256) -> Tensor:
    return torch.randint(0, top, (count, size, size), generator=generator(99), dtype=torch.uint8)


def coloured(count: int, height: int, width: int) -> Tensor:
    """Noise in three channels of different brightness, so that they are told apart."""
    tops = torch.tensor([256, 160, 60]).view(1, 3, 1, 1)
    return (torch.rand(count, 3, height, width, generator=generator(98)) * tops).to(torch.uint8)


def to_pil(image: Tensor) -> Image.Image:
    return Image.fromarray((image if image.ndim == 2 else image.permute(1, 2, 0)).numpy())


def from_pil(image: Image.Image) -> Tensor:
    pixels = torch.from_numpy(np.array(image))
    return pixels if pixels.ndim == 2 else pixels.permute(2, 0, 1)


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
    ours = augmentation.warp(images, augmentation.rotation_matrix(angles, (size, size)), fill)
    theirs = each(lambda image, angle: TF.rotate(image, angle, fill=fill), images, angles.tolist())
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("fill", [0, 1])
def test_affine_is_torchvisions_on_pil(fill: int) -> None:
    angles, scales = uniform(-40, 40, 400, 2), uniform(0.7, 1.4, 400, 3)
    shifts = torch.randint(-4, 5, (400, 2), generator=generator(4))
    images = noise(400)
    # affine_matrix counts angles as TF.rotate does, against TF.affine.
    ours = augmentation.warp(images, augmentation.affine_matrix(-angles, shifts, scales, SHAPE), fill)
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
    matrix = augmentation.affine_matrix(torch.zeros(1), torch.tensor([[2, -3]]), torch.ones(1), SHAPE)
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


# Colour, and images that are not square -------------------------------------------------------------------------------

SHAPES = [(28, 28), (32, 32), (20, 33), (33, 20), (9, 8)]


def of_shape(count: int, shape: tuple[int, int], channels: int) -> Tensor:
    images = coloured(count, *shape)
    return images if channels == 3 else images[:, 0].contiguous()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("fill", [0, 200])
def test_rotation_of_any_shape_is_torchvisions_on_pil(shape: tuple[int, int], channels: int, fill: int) -> None:
    angles = torch.cat([torch.tensor(SPECIAL_ANGLES, dtype=torch.float64), uniform(-180, 180, 200, 1)])
    images = of_shape(len(angles), shape, channels)
    ours = augmentation.warp(images, augmentation.rotation_matrix(angles, shape), fill)
    assert torch.equal(ours, each(lambda image, angle: TF.rotate(image, angle, fill=fill), images, angles.tolist()))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_affine_of_any_shape_is_torchvisions_on_pil(shape: tuple[int, int], channels: int) -> None:
    angles, scales = uniform(-40, 40, 200, 2), uniform(0.7, 1.4, 200, 3)
    shifts = torch.randint(-4, 5, (200, 2), generator=generator(4))
    images = of_shape(200, shape, channels)
    ours = augmentation.warp(images, augmentation.affine_matrix(-angles, shifts, scales, shape), 7)
    theirs = each(
        lambda image, *row: TF.affine(image, *row, [0.0, 0.0], fill=7),
        *(images, angles.tolist(), shifts.tolist(), scales.tolist()),
    )
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_jitter_of_colour_is_torchvisions_on_pil(shape: tuple[int, int]) -> None:
    """Contrast blends with the mean of PIL's gray image, not of each channel."""
    images = coloured(200, *shape)
    images[:40] = images[:40, :1]  # gray
    images[40:60] = torch.randint(0, 256, (20, 3, 1, 1), generator=generator(3), dtype=torch.uint8)  # flat
    brightness, contrast = uniform(0.3, 2, 200, 7).float(), uniform(0.0, 2, 200, 8).float()
    first = torch.arange(200) % 2 == 0
    rows = zip(brightness.tolist(), contrast.tolist(), first.tolist(), strict=True)
    assert torch.equal(augmentation.jitter(images, brightness, contrast, first), each(jitter_one, images, rows))


def test_pils_gray_of_every_colour() -> None:
    """All differences of rounding: 32,768 colours and their neighbours, each as an image of one pixel."""
    steps = torch.arange(0, 256, 8, dtype=torch.uint8)
    colours = torch.cartesian_prod(steps, steps, steps) + torch.randint(
        0, 8, (32**3, 3), generator=generator(5), dtype=torch.uint8
    )
    images = colours.view(-1, 3, 1, 1)
    count = len(images)
    flat = augmentation.jitter(images, torch.ones(count), torch.zeros(count), torch.zeros(count, dtype=torch.bool))
    gray = from_pil(Image.fromarray(colours.view(1, count, 3).numpy()).convert("L"))
    assert torch.equal(flat[:, 0, 0, 0], gray[0])
    assert torch.equal(flat[:, 2, 0, 0], gray[0])


# Flip, crop and cutout ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_flip_is_torchvisions(shape: tuple[int, int], channels: int) -> None:
    images = of_shape(50, shape, channels)
    (values,) = augmentation.draw([FLIP], 50, generator(), shape)
    theirs = each(lambda image, flipped: TF.hflip(image) if flipped else image, images, values["flipped"].tolist())
    assert torch.equal(augmentation.apply([FLIP], [values], images), theirs)
    assert 0 < values["flipped"].sum() < 50


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("padding", "fill"), [(4, 0), (1, 255), (12, 7)])
def test_crop_is_torchvisions_pad_and_crop(shape: tuple[int, int], channels: int, padding: int, fill: int) -> None:
    """Padding of 12 is larger than the smallest image."""
    spec = [{"crop": {"padding": padding, "fill": fill}}]
    images = of_shape(300, shape, channels)
    draws = augmentation.draw(spec, 300, generator(), shape)
    theirs = each(
        lambda image, offset: TF.crop(TF.pad(image, [padding] * 4, fill=fill), *offset, *shape),
        *(images, draws[0]["offset"].tolist()),
    )
    assert torch.equal(augmentation.apply(spec, draws, images), theirs)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("size", "fill"), [(8, 0), (1, 255), (5, 7), (192, 3)])
def test_cutout_is_torchvisions_erase_clipped_at_the_edges(
    shape: tuple[int, int], channels: int, size: int, fill: int
) -> None:
    spec = [{"cutout": {"size": size, "fill": fill}}]
    images = of_shape(300, shape, channels)
    draws = augmentation.draw(spec, 300, generator(), shape)
    theirs = []
    for image, (row, column) in zip(images, draws[0]["centre"].tolist(), strict=True):
        top, left = max(0, row - size // 2), max(0, column - size // 2)
        bottom, right = min(shape[0], row - size // 2 + size), min(shape[1], column - size // 2 + size)
        value = torch.tensor(fill, dtype=torch.uint8)
        theirs.append(TF.erase(image, top, left, bottom - top, right - left, value))
    assert torch.equal(augmentation.apply(spec, draws, images), torch.stack(theirs))


def test_a_cutout_in_the_middle_is_a_square_of_its_size() -> None:
    """Of 8 pixels at row 10 and column 12: rows 6 to 13, columns 8 to 15, as in the authors' code."""
    images = torch.ones(1, 28, 28, dtype=torch.uint8)
    (cut,) = augmentation.apply([CUTOUT], [{"centre": torch.tensor([[10, 12]])}], images)
    assert cut.sum() == 28 * 28 - 64
    assert cut[6:14, 8:16].sum() == 0


def test_flips_are_as_frequent_as_asked() -> None:
    for probability in (0.0, 0.3, 1.0):
        (values,) = augmentation.draw([{"flip": {"probability": probability}}], DRAWS, generator(), SHAPE)
        deviation = math.sqrt(probability * (1 - probability) / DRAWS)
        assert abs(values["flipped"].double().mean() - probability) <= 5 * deviation


def test_every_crop_and_every_centre_is_as_likely() -> None:
    crop, cutout = augmentation.draw([CROP, CUTOUT], DRAWS, generator(), (8, 12))
    for values, sides in ((crop["offset"], (9, 9)), (cutout["centre"], (8, 12))):
        for part, side in zip(values.unbind(1), sides, strict=True):
            counts = torch.bincount(part, minlength=side)
            assert len(counts) == side
            assert (counts / DRAWS - 1 / side).abs().max() < 5 * math.sqrt((1 - 1 / side) / side / DRAWS)
        assert_uncorrelated(values[:, 0], values[:, 1])


def test_shifts_are_a_share_of_each_side() -> None:
    spec = [{"affine": {"degrees": 0, "translate": 0.25, "scale": [1, 1], "fill": 0}}]
    (values,) = augmentation.draw(spec, 2000, generator(), (8, 40))
    assert (values["matrix"][:, 2].abs().max(), values["matrix"][:, 5].abs().max()) == (10, 2)


def test_draws_of_the_published_steps_are_what_they_were() -> None:
    """By the numbers that PyTorch's generator gives in this order, whatever steps come after them."""
    first, second, *_ = augmentation.draw([ROTATION, JITTER, FLIP, CROP, CUTOUT], 50, generator(3), SHAPE)
    numbers = generator(3)

    def between(low: float, high: float) -> Tensor:
        return torch.rand(50, generator=numbers, dtype=torch.float64) * (high - low) + low

    angle = torch.deg2rad(between(-7, 7))
    assert torch.allclose(first["matrix"][:, 0], angle.cos(), rtol=0, atol=1e-12)
    assert torch.allclose(first["matrix"][:, 3], angle.sin(), rtol=0, atol=1e-12)
    assert torch.equal(second["brightness"], between(0.9, 1.1).float())
    assert torch.equal(second["contrast"], between(0.9, 1.1).float())
    assert torch.equal(second["brightness_first"], torch.rand(50, generator=numbers) < 0.5)


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
    draws = augmentation.draw(spec, 100, generator(), SHAPE)
    assert torch.equal(augmentation.apply(spec, draws, images), by_torchvision(spec, draws, images))


@pytest.mark.parametrize("batch", [1, 7, 32])
def test_batches_with_their_rows_of_the_epochs_draws_give_the_same_images(batch: int) -> None:
    spec, images = SPECS[-1], noise(50)
    draws = augmentation.draw(spec, 50, generator(), SHAPE)
    parts = []
    for start in range(0, 50, batch):
        rows = [{name: values[start : start + batch] for name, values in step.items()} for step in draws]
        parts.append(augmentation.apply(spec, rows, images[start : start + batch]))
    assert torch.equal(torch.cat(parts), augmentation.apply(spec, draws, images))


def test_an_empty_spec_is_the_identity() -> None:
    images = noise(5)
    draws = augmentation.draw([], 5, generator(), SHAPE)
    assert draws == []
    assert torch.equal(augmentation.apply([], draws, images), images)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: "-".join(next(iter(step)) for step in spec))
def test_images_stay_uint8_of_their_shape_and_the_source_unchanged(spec: list[dict]) -> None:
    images = noise(3)
    result = augmentation.apply(spec, augmentation.draw(spec, 3, generator(), SHAPE), images)
    assert (result.dtype, result.shape) == (torch.uint8, (3, 28, 28))
    assert not torch.equal(result, images)
    assert torch.equal(images, noise(3))


def test_draws_of_another_spec_are_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        augmentation.apply([ROTATION, JITTER], augmentation.draw([ROTATION], 2, generator(), SHAPE), noise(2))


# Draws -------------------------------------------------------------------------------------------------------------


def test_draws_have_a_row_an_image() -> None:
    rotation, affine, jitter = augmentation.draw(SPECS[-1], 11, generator(), SHAPE)
    assert (rotation["matrix"].shape, affine["matrix"].shape) == ((11, 6), (11, 6))
    assert set(jitter) == {"brightness", "contrast", "brightness_first"}
    assert {values.shape for values in jitter.values()} == {(11,)}


def test_draws_repeat_with_the_generators_seed_only() -> None:
    first, second, other = (augmentation.draw(SPECS[-1], 20, generator(seed), SHAPE) for seed in (1, 1, 2))
    for a, b, c in zip(first, second, other, strict=True):
        assert all(torch.equal(a[name], b[name]) for name in a)
        assert not any(torch.equal(a[name], c[name]) for name in a)


def test_draws_leave_the_default_generator_alone() -> None:
    before = torch.get_rng_state()
    augmentation.draw(SPECS[-1], 20, generator(), SHAPE)
    assert torch.equal(torch.get_rng_state(), before)


def test_rotations_are_uniform_and_do_nothing_else() -> None:
    (values,) = augmentation.draw([ROTATION], DRAWS, generator(), SHAPE)
    angle, shift, scale = decode(values["matrix"])
    assert_uniform(angle, -7, 7)
    assert shift.abs().max() < 1e-9
    assert (scale - 1).abs().max() < 1e-9


def test_affine_draws_are_uniform_and_independent() -> None:
    (values,) = augmentation.draw([AFFINE], DRAWS, generator(), SHAPE)
    angle, shift, scale = decode(values["matrix"])
    assert_uniform(angle, -20, 20)
    assert_uniform(scale, 0.9, 1.1)
    assert_uncorrelated(angle, scale)
    assert_uncorrelated(angle, shift[:, 0])
    assert_uncorrelated(scale, shift[:, 1])
    assert_uncorrelated(shift[:, 0], shift[:, 1])


def test_shifts_are_whole_pixels_of_a_rounded_uniform_draw() -> None:
    (values,) = augmentation.draw([AFFINE], DRAWS, generator(), SHAPE)
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
    (values,) = augmentation.draw([AFFINE], 2000, generator(), (20, 20))
    _, shift, _ = decode(values["matrix"], size=20)
    assert (shift - shift.round()).abs().max() < 1e-9
    assert shift.round().abs().max() == 2


def test_jitter_draws_are_uniform_and_independent() -> None:
    (values,) = augmentation.draw([{"jitter": {"brightness": 0.1, "contrast": 0.4}}], DRAWS, generator(), SHAPE)
    assert_uniform(values["brightness"], 0.9, 1.1)
    assert_uniform(values["contrast"], 0.6, 1.4)
    assert_uncorrelated(values["brightness"], values["contrast"])
    assert_uncorrelated(values["brightness"], values["brightness_first"])
    assert abs(values["brightness_first"].double().mean() - 0.5) < 5 * 0.5 / math.sqrt(DRAWS)


def test_jitter_factors_are_never_negative() -> None:
    (values,) = augmentation.draw([{"jitter": {"brightness": 1.5, "contrast": 2.0}}], DRAWS, generator(), SHAPE)
    assert_uniform(values["brightness"], 0, 2.5)
    assert_uniform(values["contrast"], 0, 3)


def test_steps_of_one_epoch_draw_separately() -> None:
    first, second = augmentation.draw([ROTATION, ROTATION], DRAWS, generator(), SHAPE)
    assert_uncorrelated(decode(first["matrix"])[0], decode(second["matrix"])[0])


# Normalisation -----------------------------------------------------------------------------------------------------


def test_normalise_is_to_tensor_and_normalize_on_pil() -> None:
    images = torch.cat([noise(5), torch.arange(256, dtype=torch.uint8).view(1, 16, 16).repeat(1, 2, 2)[:, :28, :28]])
    images[0].view(-1)[:256] = torch.arange(256, dtype=torch.uint8)
    theirs = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    ours = Normaliser(MNIST_PIXELS)(images)
    assert (ours.dtype, ours.shape) == (torch.float32, (6, 1, 28, 28))
    assert torch.equal(ours, torch.stack([theirs(to_pil(image)) for image in images]))


def test_normalised_black_fill_and_white_are_the_known_values() -> None:
    values = Normaliser(MNIST_PIXELS)(torch.tensor([[[0, 1, 255]]], dtype=torch.uint8)).flatten().tolist()
    assert values == pytest.approx([-0.4242, -0.4115, 2.8215], abs=1e-4)


def test_each_channel_is_normalised_by_its_own_numbers() -> None:
    images = torch.randint(256, (4, 3, 20, 28), dtype=torch.uint8)
    means, deviations = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
    theirs = transforms.Compose([transforms.ToTensor(), transforms.Normalize(means, deviations)])
    expected = torch.stack([theirs(to_pil(image)) for image in images])
    assert torch.equal(Normaliser((means, deviations))(images), expected)
