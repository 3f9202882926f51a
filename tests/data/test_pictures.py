"""One picture of every kind, against pixels that are known."""

import io
import warnings

import numpy as np
import pytest
from PIL import Image

from alrun.data import pictures
from alrun.data.pictures import any_size, pixels
from alrun.errors import UserError
from alrun.memory import peak_bytes, reset_peak

COLOUR = (200, 100, 50)
GREY = round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)


def stored(image: Image.Image, kind: str, **settings) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **settings)
    return buffer.getvalue()


def plain(mode: str, size: tuple[int, int] = (9, 7)) -> Image.Image:
    return Image.new("RGB", size, COLOUR).convert(mode)


def deep(dtype: str, level: int = 130) -> Image.Image:
    return Image.fromarray(np.full((7, 9), level * 257, dtype))


def half_clear(mode: str) -> Image.Image:
    return Image.new("RGBA", (9, 7), (*COLOUR, 0)).convert(mode)


@pytest.mark.parametrize(
    ("image", "kind", "expected"),
    [
        (plain("RGB"), "PNG", COLOUR),
        (plain("RGB"), "WEBP", COLOUR),
        (plain("L"), "PNG", (GREY,) * 3),
        (plain("L"), "GIF", (GREY,) * 3),
        (plain("RGB").quantize(4), "PNG", COLOUR),
        (plain("RGB").quantize(4), "GIF", COLOUR),
        (plain("CMYK"), "JPEG", COLOUR),
        (plain("CMYK"), "TIFF", COLOUR),
        (plain("YCbCr"), "JPEG", COLOUR),
        (plain("RGBA"), "PNG", COLOUR),
        (half_clear("RGBA"), "PNG", (255, 255, 255)),
        (half_clear("LA"), "PNG", (255, 255, 255)),
        (deep("uint16"), "PNG", (130, 130, 130)),
        (deep("uint16"), "TIFF", (130, 130, 130)),
        (deep("int32"), "TIFF", (130, 130, 130)),
        (Image.new("1", (9, 7), 1), "PNG", (255, 255, 255)),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else str(value),
)
def test_pictures_of_every_mode_have_the_colours_that_a_person_sees(image, kind, expected):
    made = pixels("a picture", stored(image, kind), 4, 3)
    assert made.shape == (3, 4, 4)
    assert made.dtype == np.uint8
    assert np.abs(made.astype(int) - np.array(expected)[:, None, None]).max() <= 3
    grey = pixels("a picture", stored(image, kind), 4, 1)
    red, green, blue = expected
    assert grey.shape == (1, 4, 4)
    assert np.abs(grey.astype(int) - (0.299 * red + 0.587 * green + 0.114 * blue)).max() <= 3


def test_a_palette_with_transparency_warns_nobody():
    image = Image.new("RGB", (9, 7), COLOUR).quantize(4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = pixels("a picture", stored(image, "PNG", transparency=b"\x00" * 4), 4, 3)
    assert (made == 255).all()


def test_the_centre_is_cut_out_and_the_shorter_side_fits():
    wide = np.zeros((8, 24, 3), np.uint8)
    wide[:, 8:16] = COLOUR
    made = pixels("a picture", stored(Image.fromarray(wide), "PNG"), 8, 3)
    assert np.array_equal(made, np.broadcast_to(np.array(COLOUR)[:, None, None], (3, 8, 8)))


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_photos_are_turned_upright(orientation, turns):
    upright = np.zeros((64, 64), np.uint8)
    upright[:16, :40] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    taken = Image.fromarray(np.rot90(upright, -turns))  # as the sensor saw it
    made = pixels("a photo", stored(taken, "JPEG", exif=exif.tobytes(), quality=95), 64, 1)
    assert np.abs(made[0].astype(int) - upright).mean() < 3


@pytest.fixture(scope="module")
def very_large() -> bytes:
    return stored(Image.linear_gradient("L").resize((15_000, 13_000)), "JPEG", quality=30)


def test_a_very_large_photo_is_decoded_in_a_small_part_of_its_size(very_large):
    reset_peak()
    before = peak_bytes()
    with warnings.catch_warnings(), any_size():
        warnings.simplefilter("error")
        made = pixels("a photo", very_large, 64, 1)
    assert peak_bytes() - before < 15_000 * 13_000 / 8
    # Row y of the gradient is y / 256 of white, and the sides are cut alike.
    assert np.abs(made[0].mean(1) - (np.arange(64) + 0.5) * 4).max() < 3


def test_what_would_fill_the_memory_is_refused_by_name_and_size(monkeypatch):
    monkeypatch.setattr(pictures, "MOST_PIXELS", 10_000)
    with pytest.raises(UserError, match=r"dataset: big.png cannot be read \(400 x 300 pixels would fill the memory"):
        pixels("big.png", stored(Image.new("L", (400, 300)), "PNG"), 8, 3)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no readable image"),
        (b"text", "is no readable image"),
        (stored(plain("RGB", (99, 99)), "JPEG")[:300], r"cannot be read \("),
        (stored(plain("RGB", (99, 99)), "PNG")[:60], r"cannot be read \("),
        (
            stored(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"),
            r"cannot be read \(its values are fractions",
        ),
        (
            stored(deep("int32", 300), "TIFF"),
            r"cannot be read \(its values do not fit",
        ),
    ],
    ids=["empty", "text", "cut JPEG", "cut PNG", "fractions", "32 bits"],
)
def test_what_cannot_be_read_is_one_sentence_with_its_name(content, words):
    with pytest.raises(UserError, match=rf"dataset: x.png {words}") as caught:
        pixels("x.png", content, 8, 3)
    assert "\n" not in str(caught.value)
