"""run.json says which commit of this checkout computed a run."""

import subprocess
from pathlib import Path

import pytest

import alrun
from alrun.loop import provenance

ROOT = Path(alrun.__file__).parents[2]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="alrun does not run from a checkout")
def test_the_commit_is_that_of_the_checkout():
    git = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True)
    if git.returncode:
        pytest.skip(f"git does not read this checkout: {git.stderr.strip()}")
    found = provenance.git_commit()
    assert found is not None
    assert git.stdout.startswith(found.removesuffix("+changes"))


def test_an_installed_alrun_has_no_commit(monkeypatch, tmp_path):
    """A repository in which a virtual environment lies is another project's."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    monkeypatch.setattr(alrun, "__file__", str(tmp_path / "lib" / "site-packages" / "alrun" / "__init__.py"))
    assert provenance.git_commit.__wrapped__() is None
