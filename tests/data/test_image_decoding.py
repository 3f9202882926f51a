"""One image of every kind, against pixels that are known."""

import io
import struct
import warnings

import numpy as np
import pytest
from PIL import Image

from alrun.data import image_decoding
from alrun.data.image_decoding import any_size, decode_image
from alrun.system.errors import UserError
from alrun.testing.peak_memory import peak_bytes, reset_peak

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
        (Image.new("1", (9, 7), 1), "PNG", (255, 255, 255)),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else str(value),
)
def test_images_of_every_mode_have_the_colors_that_a_person_sees(image, kind, expected):
    made = decode_image("an image", stored(image, kind), 4, 3)
    assert made.shape == (3, 4, 4)
    assert made.dtype == np.uint8
    assert np.abs(made.astype(int) - np.array(expected)[:, None, None]).max() <= 3
    gray = decode_image("an image", stored(image, kind), 4, 1)
    red, green, blue = expected
    assert gray.shape == (1, 4, 4)
    assert np.abs(gray.astype(int) - (0.299 * red + 0.587 * green + 0.114 * blue)).max() <= 3


def test_a_palette_with_transparency_warns_nobody():
    image = Image.new("RGB", (9, 7), COLOUR).quantize(4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = decode_image("an image", stored(image, "PNG", transparency=b"\x00" * 4), 4, 3)
    assert (made == 255).all()


def test_the_center_is_cut_out_and_the_shorter_side_fits():
    wide = np.zeros((8, 24, 3), np.uint8)
    wide[:, 8:16] = COLOUR
    made = decode_image("an image", stored(Image.fromarray(wide), "PNG"), 8, 3)
    assert np.array_equal(made, np.broadcast_to(np.array(COLOUR)[:, None, None], (3, 8, 8)))


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_photos_are_turned_upright(orientation, turns):
    upright = np.zeros((64, 64), np.uint8)
    upright[:16, :40] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    taken = Image.fromarray(np.rot90(upright, -turns))  # as the sensor saw it
    made = decode_image("a photo", stored(taken, "JPEG", exif=exif.tobytes(), quality=95), 64, 1)
    assert np.abs(made[0].astype(int) - upright).mean() < 3


@pytest.fixture(scope="module")
def very_large() -> bytes:
    return stored(Image.linear_gradient("L").resize((15_000, 13_000)), "JPEG", quality=30)


def test_a_very_large_photo_is_decoded_in_a_small_part_of_its_size(very_large):
    reset_peak()
    before = peak_bytes()
    with warnings.catch_warnings(), any_size():
        warnings.simplefilter("error")
        made = decode_image("a photo", very_large, 64, 1)
    assert peak_bytes() - before < 15_000 * 13_000 / 8
    # Row y of the gradient is y / 256 of white, and the sides are cut alike.
    assert np.abs(made[0].mean(1) - (np.arange(64) + 0.5) * 4).max() < 3


def test_what_would_fill_the_memory_is_refused_by_name_and_size(monkeypatch):
    monkeypatch.setattr(image_decoding, "MOST_PIXELS", 10_000)
    with pytest.raises(UserError, match=r"dataset: big.png cannot be read \(400 x 300 pixels would fill the memory"):
        decode_image("big.png", stored(Image.new("L", (400, 300)), "PNG"), 8, 3)


def tiff(values: np.ndarray, photometric: int = 1, bits: int = 0) -> bytes:
    """A gray TIFF of any type of values, by the specification: header, one directory, one strip."""
    height, width = values.shape
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    tags = [(256, width), (257, height), (258, bits or 8 * values.itemsize), (259, 1), (262, photometric)]
    tags += [(273, 8 + 2 + 12 * 10 + 4), (277, 1), (278, height), (279, values.nbytes), (339, kind)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0) + values.tobytes()


def shades(dtype: str, white: float) -> np.ndarray:
    """0, a quarter, a half, all of white, in columns (8, 8)."""
    return np.broadcast_to((np.repeat([0, 0.25, 0.5, 1], 2) * white).astype(dtype), (8, 8)).copy()


SHADES = np.repeat([0, 64, 128, 255], 2)


@pytest.mark.parametrize(
    ("values", "white"),
    [
        (shades("uint8", 255), None),
        (shades("uint16", 65535), None),
        (shades("int16", 32767), None),
        (shades("int32", 255), None),
        (shades("uint32", 255), None),
        (shades("float32", 1), None),
        (shades("float32", 255), 255),
        (shades("int32", 65535), 65535),
        (shades("uint16", 4095), 4095),
        (shades("uint16", 1023), 1023),
        (shades("uint8", 15), 15),
    ],
    ids=lambda value: f"{value.dtype} to {value.max():g}" if isinstance(value, np.ndarray) else "",
)
def test_black_and_white_of_numbers_of_any_size_are_where_a_person_sees_them(values, white):
    made = decode_image("x.tif", tiff(values), 8, 1, white)
    assert np.abs(made[0].astype(int) - SHADES).max() <= (16 if values.max() == 15 else 1)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_tiff_in_which_zero_is_white_is_turned_round(dtype):
    values = shades(dtype, np.iinfo(dtype).max)
    assert np.abs(decode_image("x.tif", tiff(values, photometric=0), 8, 1)[0].astype(int) - SHADES[::-1]).max() <= 128
    assert decode_image("x.tif", tiff(values, photometric=0), 8, 1)[0, 0, 0] == 255


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (shades("int32", 4095), r"values go from 0 to 4095: say which is white by dataset.white="),
        (shades("float32", 4095), r"values go from 0 to 4095: say which is white"),
        (shades("float32", 1) - 0.5, r"values go from -0.5 to 0.5: store it without values below 0"),
        (shades("int16", 32767) - 5, r"without values below 0"),
        (shades("float32", np.nan), "are not numbers"),
    ],
)
def test_numbers_without_a_common_white_are_asked_for(values, words):
    with pytest.raises(UserError, match=rf"x.tif cannot be read \(.*{words}"):
        decode_image("x.tif", tiff(values), 8, 1)


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "I;16"])
def test_a_color_key_becomes_white(mode):
    """Left the key's color, right another one; a PNG that declares the left transparent shows it on white."""
    gray = np.full((8, 8), 40, np.uint8)
    gray[:, 4:] = 0 if mode == "1" else 200
    key: int | tuple[int, ...] = (40, 40, 40) if mode == "RGB" else 40
    image = Image.fromarray(gray)
    if mode == "1":
        image, key = Image.fromarray(gray > 0), 1
    elif mode == "I;16":
        image, key = Image.fromarray(gray.astype(np.uint16) * 257), 40 * 257
    made = decode_image("x.png", stored(image.convert(mode) if mode == "RGB" else image, "PNG", transparency=key), 8, 1)
    assert (made[0, :, :3] == 255).all()
    assert np.abs(made[0, :, 5:].astype(int) - (0 if mode == "1" else 200)).max() <= 1


@pytest.mark.parametrize("kind", ["EPS", "PDF"])
def test_formats_that_hold_programs_are_never_read_whatever_they_are_called(kind):
    with pytest.raises(UserError, match=r"x.png is not a readable image"):
        decode_image("x.png", stored(plain("RGB"), kind), 8, 3)


@pytest.mark.parametrize("kind", ["AVIF", "JPEG2000", "WEBP", "BMP", "TGA", "PPM", "PCX", "SGI", "QOI"])
def test_raster_formats_are_read(kind):
    Image.init()
    if kind not in Image.SAVE or kind not in Image.OPEN:
        pytest.skip(f"this Pillow has no {kind}")
    made = decode_image("an image", stored(plain("RGB", (8, 8)), kind), 4, 3)
    assert np.abs(made.astype(int) - np.array(COLOUR)[:, None, None]).max() <= 6


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not a readable image"),
        (b"text", "is not a readable image"),
        (stored(plain("RGB", (99, 99)), "JPEG")[:300], r"cannot be read \("),
        (stored(plain("RGB", (99, 99)), "PNG")[:60], r"cannot be read \("),
        (
            stored(Image.fromarray(np.full((4, 4), 1.5, np.float32)), "TIFF"),
            r"cannot be read \(its values go from 1.5 to 1.5: say which is white by dataset.white=",
        ),
        (
            stored(deep("int32", 300), "TIFF"),
            r"cannot be read \(its values go from 77100 to 77100: say which is white by dataset.white=",
        ),
    ],
    ids=["empty", "text", "cut JPEG", "cut PNG", "fractions", "32 bits"],
)
def test_what_cannot_be_read_is_one_sentence_with_its_name(content, words):
    with pytest.raises(UserError, match=rf"dataset: x.png {words}") as caught:
        decode_image("x.png", content, 8, 3)
    assert "\n" not in str(caught.value)
