"""``make golden``: results that changed without a raised revision fail."""

import json
import sys

import pytest

from alrun.settings import revisions
from alrun.strategies.base import Strategy
from alrun.strategies.uncertainty import Entropy
from scripts import golden


@pytest.fixture
def compare(tmp_path, monkeypatch, capsys):
    record = tmp_path / "golden.json"

    def run() -> str:
        monkeypatch.setattr(sys, "argv", ["golden.py", "--only", "strategy=entropy", "--record", str(record)])
        golden.main()
        return capsys.readouterr().out

    run.record = record
    return run


def test_changed_results_fail_until_a_revision_is_raised(compare, monkeypatch):
    assert "1 of them new" in compare()
    assert "0 of them new" in compare()
    monkeypatch.setattr(Entropy, "held", Strategy.held)
    monkeypatch.setattr(Entropy, "score", lambda self, query: query.unlabeled.log_probs.exp().square().sum(1))
    with pytest.raises(SystemExit, match="no revision was raised"):
        compare()
    monkeypatch.setitem(revisions.COMPONENTS, "strategy.Entropy", 2)
    assert "2 runs in" in compare()


def test_records_of_another_machine_are_not_compared(compare):
    compare()
    known = json.loads(compare.record.read_text())
    compare.record.write_text(json.dumps(known | {"machine": {"torch": "1.0"}}))
    with pytest.raises(SystemExit, match="was made on"):
        compare()
