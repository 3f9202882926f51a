"""One selection by scikit-activeml: run by the interpreter that has it, which need not have alrun.

``python benchmarks/scikit_activeml.py f.npz queried.npy 500 badge`` prints the seconds of the query. The classifier is
logistic regression, fitted before.
"""

import sys
from time import perf_counter

import numpy as np
from skactiveml import pool  # pyright: ignore[reportMissingImports]
from skactiveml.classifier import SklearnClassifier  # pyright: ignore[reportMissingImports]
from skactiveml.utils import MISSING_LABEL  # pyright: ignore[reportMissingImports]
from sklearn.linear_model import LogisticRegression

MADE = {
    "margin": lambda: pool.UncertaintySampling(method="margin_sampling", random_state=0),
    "badge": lambda: pool.Badge(random_state=0),
    "coreset": lambda: pool.CoreSet(random_state=0),
    "typiclust": lambda: pool.TypiClust(random_state=0),
    "max_herding": lambda: pool.MaxHerding(random_state=0),
    "dropquery": lambda: pool.DropQuery(random_state=0),
    "falcun": lambda: pool.Falcun(random_state=0),
}


def main(file: str, queried: str, size: str, strategy: str) -> None:
    """Print the seconds of a query of ``size`` examples, when those in ``queried`` are labeled."""
    with np.load(file) as arrays:
        rows, truth = arrays["train_features"], arrays["train_labels"]
    labeled = np.load(queried)
    labels = np.full(len(rows), MISSING_LABEL)
    labels[labeled] = truth[labeled]
    classifier = SklearnClassifier(LogisticRegression(max_iter=1000), classes=np.unique(truth)).fit(rows, labels)
    chooser = MADE[strategy]()
    takes_model = "clf" in chooser.query.__code__.co_varnames
    given = {"clf": classifier, "fit_clf": False} if takes_model else {}
    started = perf_counter()
    chosen = chooser.query(rows, labels, batch_size=int(size), **given)
    print(perf_counter() - started)
    assert len(np.unique(chosen)) == int(size)


if __name__ == "__main__":
    main(*sys.argv[1:])
