"""Figures of queried images: the first and the last query, and a map of all, from the thumbnails in run folders."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from alrun.analysis.figure_style import COLUMN, PAGE, bare, styled
from alrun.runs import thumbnails
from alrun.runs.run_folder import read_record
from alrun.system.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STRATEGIES = 6  # drawn at most
OTHERS = ("vectors", "texts")  # of which a run keeps no thumbnails
Queried = dict[int, np.ndarray]  # thumbnails (n, 32, 32, 3) by round


def draw_queried(rounds: pd.DataFrame) -> "dict[str, Figure] | str":
    """The contact sheet and the map of the first repeat of each strategy; a sentence if there are none."""
    runs = rounds[rounds["facet"] == rounds["facet"].iloc[0]].drop_duplicates("curve").head(STRATEGIES)
    runs = runs.assign(folder=runs["folder"] if "folder" in runs else runs["run"])
    if kind := kind_of_others(Path(runs["folder"].iloc[0])):
        return f"Not shown: the pool holds {kind}, so there are no images."
    try:
        found = {str(row["label"]): thumbnails.read_thumbnails(Path(row["folder"])) for row in runs.to_dict("records")}
    except UserError as error:
        return f"Not shown: {error}."
    found = {name: queried for name, queried in found.items() if queried}
    if not found:
        return "Not shown: nothing was queried."
    return {"first and last query": contact_sheet(found), "map of queries": query_map(found)}


def kind_of_others(run_dir: Path) -> str | None:
    """What the pool of a run without images holds, such as vectors; None where it holds images."""
    card = read_record(run_dir).get("dataset")
    kind = card.get("kind") if isinstance(card, dict) and not (run_dir / thumbnails.NAME).exists() else None
    return kind if kind in OTHERS else None


@styled
def contact_sheet(found: dict[str, Queried]) -> "Figure":
    """The first examples of each strategy's first and last query, a row each."""
    from matplotlib.figure import Figure

    rows = [(name, number) for name, queried in found.items() for number in dict.fromkeys((min(queried), max(queried)))]
    figure = Figure(figsize=(PAGE, 0.6 * len(rows) + 0.1))
    grid = figure.subplots(len(rows), thumbnails.COLUMNS, squeeze=False)
    for row, (name, number) in zip(grid, rows, strict=True):
        for axes, image in zip(row, found[name][number], strict=False):
            axes.imshow(image, interpolation="nearest")
        for axes in row:
            axes.set(xticks=[], yticks=[])
            bare(axes)
        row[0].set_ylabel(f"{name}\nround {number}", rotation=0, ha="right", va="center")
    return figure


@styled
def query_map(found: dict[str, Queried]) -> "Figure":
    """The queries of each strategy, colored by round, on a map of the queries of all strategies."""
    from matplotlib.figure import Figure

    owners = [name for name, queried in found.items() for row in queried.values() for _ in row]
    numbers = [number for queried in found.values() for number, row in queried.items() for _ in row]
    places = pd.DataFrame(embed(np.concatenate([row for queried in found.values() for row in queried.values()])))
    places = places.set_axis(["x", "y"], axis=1).assign(owner=owners, round=numbers)
    columns = min(len(found), 3)
    lines = -(-len(found) // columns)
    width = COLUMN if columns == 1 else PAGE
    figure = Figure(figsize=(width, width / columns * lines))
    grid = figure.subplots(lines, columns, squeeze=False)
    points: Any = None
    for axes, name in zip(grid.flat, found, strict=False):
        axes.scatter(places["x"], places["y"], s=1.5, color="#D0D0D0", lw=0)
        own = places[places["owner"] == name]
        scale = {"vmin": min(numbers), "vmax": max(numbers)}
        points = axes.scatter(own["x"], own["y"], s=6, c=own["round"], cmap="viridis_r", lw=0, **scale)
        axes.set_title(name)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
        bare(axes)
        axes.set_visible(bool(axes.get_title()))
    figure.colorbar(points, ax=grid.ravel().tolist(), label="queried before round", shrink=0.8)
    return figure


def embed(images: np.ndarray) -> np.ndarray:
    """Two coordinates for each image: t-SNE of the first 30 principal components of the pixels."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    pixels = images.reshape(len(images), -1) / 255
    reduced = PCA(min(30, *pixels.shape), random_state=0).fit_transform(pixels)
    if len(images) < 5:
        return np.pad(reduced, ((0, 0), (0, 2)))[:, :2]
    perplexity = min(30, (len(images) - 1) / 3)
    return TSNE(perplexity=perplexity, max_iter=500, init="pca", random_state=0).fit_transform(reduced)
