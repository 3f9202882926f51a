"""The paper's tables are transcribed from its text; a second transcription differs where it is wrong."""

import re

import pandas as pd
import pytest

from alrun.analysis.paper import printed

OPTIONS = {
    "RAND": "random",
    "RANDOM": "random",
    "ENT": "entropy",
    "ENTROPY": "entropy",
    "BADGE": "badge",
    "1000": "b1000",
    "3000": "b3000",
    "6000": "b6000",
    "FL": "facility_location",
    "Rand": "random",
    "GM": "grad_match",
    "F": "none",
}
ROWS = {
    "table1": r"(RAND|ENT|BADGE)_(\d+)",
    "table2": r"(ENT|BADGE)_(FL|Rand)",
    "table13": r"(RANDOM|ENTROPY|BADGE) \((GM|F)\)",
}


@pytest.mark.parametrize("name", ROWS)
def test_every_mean_and_spread_is_the_papers(reference, name):
    path = reference.parent / "paper.txt"
    if not path.exists():
        pytest.skip(f"the paper's text is not here ({path} does not exist)")
    expected = {
        (OPTIONS[strategy], OPTIONS[option]): re.findall(r"([\d.]+)± ([\d.]+)", cells)
        for strategy, option, cells in re.findall(rf"^{ROWS[name]} (.*±.*)$", path.read_text(), re.MULTILINE)
    }
    facet = printed.TABLES[name].facet
    ours = {
        keys: [(float(mean), float(std)) for mean, std in frame[["mean", "std"]].to_numpy()]
        for keys, frame in printed.read_printed(name).groupby(["strategy", facet])
    }
    assert ours == {key: [(float(mean), float(std)) for mean, std in cells] for key, cells in expected.items()}
    assert len(ours) == {"table1": 9, "table2": 4, "table13": 6}[name]


@pytest.mark.parametrize(
    ("name", "published", "facet", "wrong"),
    [
        ("table1", "table1_al_batch_size", "al_batch_size", {}),
        ("table2", "table2_seed_set", "seed_set", {}),
        (
            "table13",
            "table13_gradmatch",
            "dss",
            {("random", "full", 10000): (0.9, 0.4), ("random", "full", 19000): (0.4, 0.5)},
        ),
    ],
)
def test_the_reference_has_the_same_numbers_but_for_two_spreads(reference, name, published, facet, wrong):
    names = {"grad_match": "gradmatch", "none": "full", "b1000": "1000", "b3000": "3000", "b6000": "6000"}
    ours, theirs = printed.read_printed(name), pd.read_csv(reference / f"{published}.csv", dtype={facet: str})
    keys = ["strategy", "facet", "labeled"]
    ours = ours.assign(facet=ours[printed.TABLES[name].facet].replace(names)).set_index(keys)
    theirs = theirs.assign(facet=theirs[facet]).set_index(keys).loc[ours.index]
    assert ours["mean"].tolist() == theirs["accuracy_mean"].tolist()
    both = pd.DataFrame({"ours": ours["std"], "theirs": theirs["accuracy_std"]})
    both = both[both["ours"] != both["theirs"]]
    found = dict(zip(both.index, both.itertuples(index=False, name=None), strict=True))
    assert found.items() <= wrong.items()  # newer copies of the reference are right


def test_times_of_the_paper_are_transcribed_right(reference):
    theirs = pd.read_csv(reference / "table12_cifar10_seconds.csv")
    assert printed.read_printed("table12")["seconds"].tolist() == theirs["seconds"].tolist()
    theirs = pd.read_csv(reference / "table11_mnist_low_selection_seconds.csv")
    assert printed.read_printed("table11")["seconds"].tolist() == theirs["selection_seconds_mean"].tolist()
