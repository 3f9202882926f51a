"""Images of any kind and size, as bytes of one size."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from alrun.system.errors import DataError

MOST_PIXELS = 180_000_000  # of one image that are decoded: half a gigabyte; of a JPEG file a part is enough
# Formats that are read, whatever a file is called: raster formats without programs; EPS, WMF and PDF have them.
FORMATS = (
    *("JPEG", "PNG", "GIF", "BMP", "DIB", "TIFF", "WEBP", "PPM", "AVIF", "JPEG2000", "PCX", "SGI", "QOI"),
    "TGA",  # last: its files have no signature
)
PHOTOMETRIC, BITS, SIGN = 262, 258, 339  # tags of TIFF: 0 if 0 is white; bits of a value; 2 if it has a sign
SHARPER = 2  # a JPEG file is decoded to at least this many times the wanted size, then resized


@contextmanager
def any_size() -> Iterator[None]:
    """Turn off Pillow's own limits, which count the full size of an image even if an eighth of it is decoded."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


@cache
def formats() -> list[str]:
    """The formats among FORMATS that this Pillow can read."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def decode_image(name: str, content: bytes | None, size: int, channels: int, white: float | None = None) -> np.ndarray:
    """An image as uint8 (channels, size, size): its shorter side is resized to ``size`` and the center is cut out.

    It is turned upright by its EXIF data, values of more than 8 bits are scaled to 8, and transparent pixels become
    white.

    Args:
        name: The file, or the name of the source of ``content``.
        content: The file's bytes; None: they are read from the file ``name``.
        size: Pixels of a side of the result.
        channels: 1 for gray, 3 for color.
        white: The value that is white in the file; None: by its format (see ``brightest``).

    Raises:
        UserError: It cannot be read, or would fill the memory.
    """
    try:
        with Image.open(name if content is None else io.BytesIO(content), formats=formats()) as image:
            image.draft(None, (SHARPER * size, SHARPER * size))  # JPEG alone: decodes 1/2, 1/4 or 1/8 of each side
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"{image.width} x {image.height} pixels would fill the memory: store it smaller")
            fitted = ImageOps.exif_transpose(ImageOps.fit(eight_bits(image, white), (size, size)))
            fitted = on_white(fitted).convert("L" if channels == 1 else "RGB")
    # Damaged bytes may raise any of these in Pillow.
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, TypeError) as error:
        reason = "is not a readable image" if isinstance(error, UnidentifiedImageError) else f"cannot be read ({error})"
        raise DataError(f"dataset: {name} {reason}; fix or remove it.") from error
    return np.asarray(fitted).reshape(size, size, channels).transpose(2, 0, 1)


def eight_bits(image: Image.Image, white: float | None = None) -> Image.Image:
    """The image with 8 bits a channel, without a palette; transparency is in an alpha channel.

    ``white`` is the value that becomes 255, if the image does not define it.
    """
    if image.mode.startswith("I") or image.mode == "F":
        return reduce_to_eight_bits(image, white)
    if image.mode == "1":
        image.load()
        key = image.info.get("transparency")
        gray = image.convert("L")
        if isinstance(key, int):
            gray.info["transparency"] = 255 if key else 0
        return with_alpha(gray)
    if image.mode == "P":
        return image.convert("RGBA" if "transparency" in image.info else "RGB")
    image = with_alpha(image)
    if white is not None and white < 255:  # the file uses fewer bits than it has room for
        alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
        image = image.convert("RGB").point([min(255, int(255 * level / white)) for level in range(256)] * 3)
        if alpha is not None:
            image.putalpha(alpha)
    return image


def with_alpha(image: Image.Image) -> Image.Image:
    """The image, with an alpha channel if one of its colors is declared transparent."""
    image.load()  # a PNG's key may stand behind its header
    key = image.info.get("transparency")
    if image.mode not in ("L", "RGB") or key is None or isinstance(key, bytes):
        return image
    levels = key if isinstance(key, tuple) else (key,)
    if max(levels) > 255:  # the file has 16 bits a channel, of which Pillow keeps the upper 8
        levels = tuple(level >> 8 for level in levels)
    clear = (np.asarray(image.convert("RGB")) == np.array(levels, np.uint8)).all(-1)
    shown = image.convert("RGBA")
    shown.putalpha(Image.fromarray(np.where(clear, 0, 255).astype(np.uint8)))
    return shown


def reduce_to_eight_bits(image: Image.Image, white: float | None) -> Image.Image:
    """A gray image of more than 8 bits, or of fractions, with 8 bits.

    Raises:
        ValueError: Nothing says which value is white.
    """
    image.load()
    values = np.asarray(image)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError("some of its values are not numbers")
    low, high = (values.min().item(), values.max().item()) if values.size else (0, 0)
    top = white or brightest(image, high)
    if top is None or low < 0:
        raise ValueError(
            f"its values go from {low:g} to {high:g}: "
            + ("store it without values below 0" if low < 0 else "say which is white by dataset.white=...")
        )
    scaled = np.minimum(255, np.floor(values.astype(np.float64) * 255 / top + HALF * (values.dtype.kind == "f")))
    if getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == 0:
        scaled = 255 - scaled
    gray = Image.fromarray(scaled.astype(np.uint8))
    gray.info["exif"] = image.getexif().tobytes()  # it may be stored turned
    key = image.info.get("transparency")
    if isinstance(key, int):
        shown = gray.convert("LA")
        shown.putalpha(Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)))
        return shown
    return gray


KINDS = ((BITS, 16), (SIGN, 1))  # with their values in formats without such tags
HALF = 0.5  # fractions are rounded, whole numbers keep their upper bits


def brightest(image: Image.Image, high: float) -> float | None:
    """The white value of an image by its kind; None if it has higher values.

    Integers of up to 16 bits use all of their bits. Wider integers and fractions have no common white: 255 and 1 are
    used, unless a value is higher, so that all images are scaled alike.
    """
    if image.mode == "F":
        return 1.0 if high <= 1 else None
    tags = getattr(image, "tag_v2", {})
    bits, sign = (value[0] if isinstance(value := tags.get(tag, first), tuple) else value for tag, first in KINDS)
    if bits > 16:
        return 255.0 if high <= 255 else None
    return float(2 ** (bits - (sign == 2)) - 1)


def on_white(image: Image.Image) -> Image.Image:
    """The image on a white background, without transparency."""
    if image.mode not in ("RGBA", "LA", "PA", "RGBa", "La"):
        return image
    shown = image.convert("RGBA")
    white = Image.new("RGBA", shown.size, "white")
    return Image.alpha_composite(white, shown)
