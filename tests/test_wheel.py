"""Wheel and sdist, built and installed elsewhere, are complete, and hold no file that the sources no longer have."""

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
PACKAGED = ("pyproject.toml", "setup.py", "README.md", "LICENSE")
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
OFFLINE = ["--no-deps", "--no-build-isolation", "--no-index"]
BUILD = "from setuptools import build_meta; build_meta.build_sdist('dist')"


def sources() -> set[str]:
    """Every file of the package, by its path in a wheel."""
    found = set()
    for folder, inside in ((ROOT / "src" / "alrun", "alrun"), (ROOT / "conf", "alrun/conf")):
        found |= {f"{inside}/{path.relative_to(folder)}" for path in folder.rglob("*") if path.is_file()}
    return {name for name in found if "__pycache__" not in name}


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Path, Path]:
    """An sdist, and the wheel that is built of it; an earlier build has left a module and a template."""
    folder = tmp_path_factory.mktemp("built")
    source = folder / "source"
    source.mkdir()  # setuptools writes build folders beside the sources
    for name in PACKAGED:
        shutil.copy(ROOT / name, source)
    for name in ("src", "conf"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    leave_stale(source)
    subprocess.run([sys.executable, "-c", BUILD], cwd=source, check=True, capture_output=True)
    (sdist,) = (source / "dist").glob("alrun-*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    unpacked = folder / sdist.name.removesuffix(".tar.gz")
    leave_stale(unpacked)
    wheels = folder / "wheels"
    subprocess.run([*PIP, "wheel", *OFFLINE, "--wheel-dir", wheels, unpacked], check=True, capture_output=True)
    (wheel,) = wheels.glob("alrun-*.whl")
    return sdist, wheel


def leave_stale(source: Path) -> None:
    """What a build before the last change would have left."""
    for name in ("alrun/deleted.py", "alrun/conf/strategy/deleted.yaml"):
        (source / "build" / "lib" / name).parent.mkdir(parents=True, exist_ok=True)
        (source / "build" / "lib" / name).write_text("")


def test_the_wheel_has_every_file_of_the_sources_and_no_other(built):
    names = {name for name in zipfile.ZipFile(built[1]).namelist() if ".dist-info/" not in name}
    assert names == sources()
    for kind in (".py", ".yaml", ".csv", ".j2", ".txt", "py.typed"):
        assert any(name.endswith(kind) for name in names), kind


def test_the_sdist_has_what_a_wheel_is_built_of(built):
    with tarfile.open(built[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names >= {*PACKAGED, *(f"src/{name}" for name in sources() if not name.startswith("alrun/conf/"))}
    assert names >= {name.removeprefix("alrun/") for name in sources() if name.startswith("alrun/conf/")}
    assert not [name for name in names if "deleted" in name]


def test_the_wheel_runs_from_another_folder(built, tmp_path):
    site = tmp_path / "site"
    subprocess.run([*PIP, "install", "--no-deps", "--no-index", "--target", site, built[1]], check=True)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    where = "import alrun, alrun.conf; print(alrun.__file__, *alrun.conf.__path__)"
    found = subprocess.run([sys.executable, "-c", where], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert found.stdout.split() == [str(site / "alrun" / "__init__.py"), str(site / "alrun" / "conf")]
    run = subprocess.run(
        [sys.executable, "-m", "alrun", "debug=fast"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert list(tmp_path.glob("outputs/runs/*/*/done"))
    words = ["-m", "alrun", "paper", "figure-7", "table-10", "--draw"]
    drawn = subprocess.run([sys.executable, *words], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert drawn.returncode == 0, drawn.stderr
    assert ",paper,badge," in (tmp_path / "outputs/paper/figure-7.csv").read_text()  # of curves.csv
    assert "DSS CIFAR-10" in (tmp_path / "outputs/paper/table-10.md").read_text()  # of settings.csv


def test_the_citation_is_of_this_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    assert [each["name"] for each in citation["authors"]] == [each["name"] for each in project["authors"]]
    assert "Active Learning" in citation["references"][0]["title"]
