"""The notebooks run from top to bottom, and hold no output that could be of another version."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LONG = ("first_figure",)  # a minute: `make heavy` runs it

# What Jupyter's own packages say of themselves is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[pytest.mark.heavy] if path.stem in LONG else [], id=path.stem) for path in NOTEBOOKS],
)
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: pip install 'alrun[notebooks]'")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (tmp_path / "results").symlink_to(ROOT / "results")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # no more numbers of threads are then tried before the first training
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        assert not cell.get("outputs"), f"{path.name} holds outputs: clear them before it is committed"
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    results = [output for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
    assert results, "nothing is shown"
