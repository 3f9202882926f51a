"""What was bought: images of the first and last purchase, and where purchases lie in the pool."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from alrun.analysis.figures import COLUMN, PAGE, bare, styled
from alrun.errors import UserError, first_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 10  # images of a purchase
MAPPED = 2000  # examples of the pool on the map
STRATEGIES = 6  # the most that are drawn


def figures(rounds: pd.DataFrame) -> "dict[str, Figure] | str":
    """The contact sheet and the map of the first repeat of each strategy; a sentence where they cannot be had."""
    runs = rounds[rounds["facet"] == rounds["facet"].iloc[0]].drop_duplicates("curve").head(STRATEGIES)
    folders = {str(row["label"]): Path(row.get("folder") or row["run"]) for row in runs.to_dict("records")}
    absent = [str(folder) for folder in folders.values() if not (folder / "queries.csv").exists()]
    if absent:
        return f"Not shown: {absent[0]} is not here, which holds what was bought."
    try:
        images = pool_images(next(iter(folders.values())), str(runs["data"].iloc[0]) if "data" in runs else "")
        queries = {name: read_queries(folder, len(images)) for name, folder in folders.items()}
    except (UserError, OSError, ValueError, ImportError, LookupError) as error:
        return f"Not shown: {first_line(error)}."
    return {"first and last purchase": contact_sheet(images, queries), "map of purchases": pool_map(images, queries)}


def read_queries(folder: Path, size: int) -> pd.DataFrame:
    """queries.csv, whose indices must be those of a pool of ``size``."""
    table = pd.read_csv(folder / "queries.csv")
    if table["index"].max() >= size:
        raise UserError(f"{folder}/queries.csv names examples that the data set has not")
    return table


def pool_images(folder: Path, fingerprint: str) -> np.ndarray:
    """The images (N, C, H, W) of the pool of a run, uint8.

    Raises:
        UserError: The pool is not the data set as it is, or the data set has changed.
    """
    from omegaconf import OmegaConf

    from alrun import config

    config.register()
    cfg: Any = OmegaConf.load(folder / ".hydra" / "config.yaml")
    redundancy = str(OmegaConf.select(cfg, "redundancy._target_"))
    share = OmegaConf.select(cfg, "scale.examples", default=1)
    if "dataset" not in cfg or not redundancy.endswith("NoRedundancy") or cfg.get("limit") or share != 1:
        raise UserError("the pool is not the whole data set (redundancy, limit or scale)")
    data = config.build(cfg.dataset, "dataset", root=cfg.paths.data)
    if data.fingerprint() != fingerprint:
        raise UserError("the data set is not the one on which the runs were computed")
    return data.train_images


@styled
def contact_sheet(images: np.ndarray, queries: dict[str, pd.DataFrame]) -> "Figure":
    """The first examples of the first and of the last purchase, a row each."""
    from matplotlib.figure import Figure

    rows = [(name, number) for name, table in queries.items() for number in (1, int(table["round"].max()))]
    figure = Figure(figsize=(PAGE, 0.6 * len(rows) + 0.1))
    grid = figure.subplots(len(rows), SHOWN, squeeze=False)
    for row, (name, number) in zip(grid, rows, strict=True):
        index = queries[name].query("round == @number")["index"].to_numpy()
        for axes, image in zip(row, images[index[:SHOWN]], strict=False):
            axes.imshow(image.transpose(1, 2, 0).squeeze(), cmap="gray", interpolation="nearest")
        for axes in row:
            axes.set(xticks=[], yticks=[])
            bare(axes)
        row[0].set_ylabel(f"{name}\nround {number}", rotation=0, ha="right", va="center")
    return figure


@styled
def pool_map(images: np.ndarray, queries: dict[str, pd.DataFrame]) -> "Figure":
    """Purchases of each strategy on a map of the pool, coloured by round."""
    from matplotlib.figure import Figure

    every = np.unique(np.concatenate([table["index"].to_numpy() for table in queries.values()]))
    rng = np.random.default_rng(0)
    bought = rng.permutation(every)[:MAPPED]
    rest = rng.permutation(np.setdiff1d(np.arange(len(images)), bought))[: max(MAPPED - len(bought), 0)]
    chosen = np.concatenate([bought, rest])
    places = pd.DataFrame(embed(images[chosen]), index=chosen, columns=["x", "y"])
    columns = min(len(queries), 3)
    lines = -(-len(queries) // columns)
    width = COLUMN if columns == 1 else PAGE
    figure = Figure(figsize=(width, width / columns * lines))
    grid = figure.subplots(lines, columns, squeeze=False)
    points: Any = None
    for axes, (name, table) in zip(grid.flat, queries.items(), strict=False):
        axes.scatter(places["x"], places["y"], s=1.5, color="#D0D0D0", lw=0)
        known = table[table["index"].isin(chosen)]
        there = places.loc[known["index"]]
        points = axes.scatter(there["x"], there["y"], s=6, c=known["round"], cmap="viridis_r", lw=0)
        axes.set_title(name)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
        bare(axes)
        axes.set_visible(bool(axes.get_title()))
    figure.colorbar(points, ax=grid.ravel().tolist(), label="bought before round", shrink=0.8)
    return figure


def embed(images: np.ndarray) -> np.ndarray:
    """Two coordinates for each image: t-SNE of the first 30 principal components of the pixels."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    pixels = images.reshape(len(images), -1) / 255
    reduced = PCA(min(30, *pixels.shape), random_state=0).fit_transform(pixels)
    perplexity = min(30, (len(images) - 1) / 3)
    return TSNE(perplexity=perplexity, max_iter=500, init="pca", random_state=0).fit_transform(reduced)
