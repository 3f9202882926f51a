"""Reading results builds nothing: what was bought is shown by thumbnails that runs keep."""

import inspect
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from alrun.commands import plan, report, results, status
from alrun.runs import thumbnails
from alrun.settings import factory, targets
from alrun.system.errors import UserError
from tests.heavy.attack_cases import modules_of


@pytest.fixture
def nothing_can_be_built(monkeypatch):
    """Every class and function that a configuration may name raises when it is called."""

    def raising(*arguments, **settings):
        raise AssertionError("something was built")

    class Raising:
        def __init__(self, *arguments, **settings):
            raising()

    count = 0
    modules = [(kind, list(modules_of(kind))) for kind in targets.KINDS.values()]  # all are imported before one changes
    for kind, inside in modules:
        for module in (each for each in inside if each.__name__.startswith("alrun.")):
            for name, value in list(vars(module).items()):
                if inspect.isclass(value) and kind.has(f"{value.__module__}.{name}"):
                    monkeypatch.setattr(module, name, Raising)
                    count += 1
        for maker in kind.makers:
            monkeypatch.setattr(maker, raising)
            count += 1
    monkeypatch.setattr(factory, "build_target", raising)
    assert count > 100


def test_every_reader_works_where_nothing_can_be_built(complete, tmp_path, monkeypatch, capsys, request):
    run_dir = complete("strategy=entropy")
    complete("strategy=random")
    request.getfixturevalue("nothing_can_be_built")
    monkeypatch.chdir(tmp_path)
    for reader, words in ((results, []), (status, ["--runs"]), (report, ["-o", "report"])):
        monkeypatch.setattr(sys, "argv", [reader.__name__, "runs", *words])
        reader.main()
    assert "2 runs: 2 done" in capsys.readouterr().out
    page = (tmp_path / "report" / "report.html").read_text()
    assert "first and last query" in page
    assert "Not shown" not in page
    assert (tmp_path / "report" / "figures" / "map_of_queries.png").exists()
    assert plan.plan(["strategy=random,entropy", "hydra.mode=MULTIRUN"])
    assert run_dir.is_dir()


def test_thumbnails_show_what_was_bought(complete, tmp_path):
    run_dir = complete("strategy=random", "budget.batch_size=4", "budget.total=30")
    images = factory.build(factory.OmegaConf.create({"_target_": "alrun.data.sources.digits"}), "dataset", root="")
    bought = pd.read_csv(run_dir / "queries.csv")
    found = thumbnails.read_thumbnails(run_dir)
    assert list(found) == [1, 2]
    for number, row in found.items():
        index = bought[bought["round"] == number].sort_values("position")["index"]
        assert row.shape == (4, 32, 32, 3)
        for example, shown in zip(index, row, strict=True):
            expected = images.train_images[example][0].repeat(4, 0).repeat(4, 1)  # 8 x 8 pixels, four times as large
            assert np.array_equal(shown, np.stack([expected] * 3, axis=2))


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 40, 20), (2, 5, 5), (4, 64, 64), (3, 32, 32)])
def test_a_thumbnail_is_a_square_of_any_image(shape):
    assert thumbnails.thumbnail(np.full(shape, 7, np.uint8)).size == (32, 32)


def test_thumbnails_of_any_number_of_rounds_stay_below_a_megabyte(tmp_path):
    noise = np.random.default_rng(0).integers(256, size=(30, 10, 3, 32, 32), dtype=np.uint8)  # as large as a PNG can be
    rounds = thumbnails.rounds_shown(2000)
    assert (rounds[0], rounds[-1], len(rounds)) == (1, 2000, thumbnails.ROWS)
    thumbnails.write_thumbnails(tmp_path, list(noise))
    assert 900_000 < (tmp_path / thumbnails.NAME).stat().st_size < thumbnails.MOST
    pd.DataFrame({"round": [0, *range(1, 2001)], "index": 0}).to_csv(tmp_path / "queries.csv")
    assert list(thumbnails.read_thumbnails(tmp_path)) == rounds


@pytest.mark.parametrize("damage", ["large", "other size", "no image", "gone", "queries", "svg"])
def test_thumbnails_that_are_not_a_runs_are_told(tmp_path, damage):
    pd.DataFrame({"round": [0, 1], "index": [0, 1]}).to_csv(tmp_path / "queries.csv")
    thumbnails.write_thumbnails(tmp_path, [[np.zeros((1, 8, 8), np.uint8)]])
    assert thumbnails.read_thumbnails(tmp_path)[1].shape == (1, 32, 32, 3)
    path = tmp_path / thumbnails.NAME
    if damage == "large":
        path.write_bytes(path.read_bytes() + bytes(thumbnails.MOST))
    elif damage == "other size":
        Image.new("RGB", (320, 64)).save(path)
    elif damage == "no image":
        path.write_bytes(b"\x80\x04cos\nsystem")
    elif damage == "svg":
        path.write_bytes(b"<svg onload='x'/>")
    elif damage == "gone":
        path.unlink()
    else:
        (tmp_path / "queries.csv").write_text("round,index\nx,1\n")
    with pytest.raises(UserError, match=r"is missing|is damaged"):
        thumbnails.read_thumbnails(tmp_path)
