"""``bought.png`` in a run's folder: thumbnails of the queries, for reports, which do not read the data set.

Each round has a row of ten thumbnails with 32 pixels a side, in the order of the query. If there are many rounds, only
as many as fit into a megabyte have a row, evenly spaced, including the first and the last.
"""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from alrun.runs.query_table import read_queries
from alrun.system import files
from alrun.system.errors import StorageError, first_line

NAME = "bought.png"
SIDE = 32  # pixels
COLUMNS = 10
ROWS = 30  # 30 x 10 x 32 x 32 pixels of three bytes are 922 kB, and no PNG is much larger than that
MOST = 1_000_000  # bytes of the file


def rounds_shown(count: int) -> list[int]:
    """The rounds that have a row, of those numbered from 1 to ``count``."""
    return np.unique(np.linspace(1, count, min(count, ROWS)).round().astype(int)).tolist() if count else []


def write_thumbnails(run_dir: Path, rows: Sequence[np.ndarray | Sequence[np.ndarray]]) -> None:
    """Write the thumbnails of ``rows`` of images (C, H, W), uint8; nothing without rows.

    Raises:
        UserError: The folder cannot be written to.
    """
    from PIL import Image

    if not rows:
        return
    strip = Image.new("RGB", (COLUMNS * SIDE, len(rows) * SIDE), "white")
    for line, images in enumerate(rows):
        for column, image in enumerate(images[:COLUMNS]):
            strip.paste(thumbnail(image), (column * SIDE, line * SIDE))
    content = io.BytesIO()
    strip.save(content, "PNG")
    files.write(run_dir / NAME, content.getvalue())


def thumbnail(image: np.ndarray):
    """A square thumbnail of an image (C, H, W); of two or more than three channels, the first is shown."""
    from PIL import Image, ImageOps

    channels = image.transpose(1, 2, 0)
    shown = Image.fromarray(channels if len(image) == 3 else channels[:, :, 0]).convert("RGB")
    method = Image.Resampling.NEAREST if max(shown.size) < SIDE else Image.Resampling.BOX
    return ImageOps.pad(shown, (SIDE, SIDE), method, color="white")


def read_thumbnails(run_dir: Path) -> dict[int, np.ndarray]:
    """Thumbnails (n, 32, 32, 3) of each round that has a row, with n the size of the query, at most ten.

    Raises:
        UserError: The file is not there, or damaged.
    """
    from PIL import Image

    path = run_dir / NAME
    try:
        queries = read_queries(run_dir)
        rounds = rounds_shown(max(queries))
        if path.stat().st_size > MOST:
            raise ValueError("it is larger than a run makes it")
        with Image.open(path, formats=["PNG"]) as opened:
            if opened.mode != "RGB" or opened.size != (COLUMNS * SIDE, len(rounds) * SIDE):
                raise ValueError("it does not have a row for each round")
            strip = np.asarray(opened)
    except FileNotFoundError as error:
        raise StorageError(f"{error.filename} is missing, which holds the queries") from error
    except (OSError, ValueError, LookupError, SyntaxError, Image.DecompressionBombError) as error:
        raise StorageError(f"{path} or queries.csv beside it is damaged ({first_line(error)})") from error
    cells = strip.reshape(len(rounds), SIDE, COLUMNS, SIDE, 3).swapaxes(1, 2)
    return {round: row[: min(COLUMNS, len(queries[round]))] for round, row in zip(rounds, cells, strict=True)}
