"""The wheel, installed elsewhere, is complete: no file of the checkout is needed."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_wheel_runs_from_another_folder(tmp_path):
    source, wheels, site = tmp_path / "source", tmp_path / "wheels", tmp_path / "site"
    # A copy of what is packaged: setuptools writes build folders beside the sources.
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (source / name).write_bytes((ROOT / name).read_bytes())
    for folder in ("src", "conf"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix != ".pyc" and ".egg-info" not in str(path):
                target = source / path.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    options = ["--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "wheel", *options, "--wheel-dir", wheels, source], check=True, capture_output=True)
    (wheel,) = wheels.glob("alrun-*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = (source / "src" / "alrun").rglob("*")  # its data too: the paper's numbers, templates
    expected = {f"alrun/{path.relative_to(source / 'src' / 'alrun')}" for path in package if path.is_file()}
    assert "alrun/analysis/paper/curves.csv" in expected
    expected |= {f"alrun/conf/{path.relative_to(ROOT / 'conf')}" for path in (ROOT / "conf").rglob("*.yaml")}
    assert names == expected | {"alrun/conf/__init__.py"}
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--target", site, wheel], check=True)
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
