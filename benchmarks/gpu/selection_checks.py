"""Selection on the device in float32 against plain references in float64 on the CPU, on fresh random inputs."""

import itertools

import torch
from scipy import stats
from torch import Tensor
from torch.nn import functional as F

from alrun.models.outputs import Outputs
from alrun.selection.glister import Validation, glister
from alrun.selection.greedy import maximize
from alrun.selection.joint_entropy import batch_bald
from alrun.selection.k_center import k_center
from alrun.selection.kmeans_plus_plus import kmeans_plus_plus
from alrun.selection.linear import weighted_sum
from alrun.selection.matching_pursuit import matching_pursuit
from alrun.selection.points import Dense, Outer, sqdist
from alrun.selection.set_functions import FacilityLocation
from alrun.selection.similarity import Similarity, cosine
from alrun.strategies.bald import Bald
from alrun.strategies.uncertainty import Entropy, LeastConfidence, Margin
from alrun.testing.made_queries import query_about
from benchmarks.gpu.check import Bench, Check, largest_error, shortfall

CLASSES, WIDTH, LR = 10, 64, 0.1


def log_probs(bench: Bench, *shape: int) -> Tensor:
    """Log-probabilities (*shape, C), some of them certain to the last digit; rounded to float32."""
    logits = bench.normal(*shape, CLASSES) * 10 ** bench.normal(*shape, 1)
    return logits.log_softmax(-1).float().double()


def scores(bench: Bench) -> float:
    """Entropy, margin and least confidence, each by its formula."""
    logs = log_probs(bench, bench.size(20_000, 500))
    outputs = Outputs(torch.arange(len(logs)), log_probs=bench.there(logs))
    probs = logs.exp()
    top = probs.sort(1, descending=True).values
    expected = [torch.special.entr(probs).sum(1), 1 - top[:, 0], 1 - top[:, 0] + top[:, 1]]
    strategies = (Entropy(), LeastConfidence(), Margin())
    return max(
        largest_error(each.score(query_about(outputs)), truth) for each, truth in zip(strategies, expected, strict=True)
    )


def bald(bench: Bench) -> float:
    """Entropy of the mean minus mean of the entropies."""
    logs = log_probs(bench, 10, bench.size(5_000, 200))
    outputs = Outputs(torch.arange(logs.shape[1]), dropout_log_probs=bench.there(logs))
    probs = logs.exp()
    expected = torch.special.entr(probs.mean(0)).sum(1) - torch.special.entr(probs).sum(2).mean(0)
    return largest_error(Bald().score(query_about(outputs)), expected)


def factors(bench: Bench, n: int) -> tuple[Outer, Tensor]:
    """Gradient factors on the device, and the formed gradients in float64: (n, C H)."""
    residual = log_probs(bench, n).exp()
    residual[torch.arange(n), residual.argmax(1)] -= 1
    residual, embedding = residual.float().double(), bench.normal(n, WIDTH).relu()
    formed = (residual[:, :, None] * embedding[:, None, :]).flatten(1)
    return Outer(bench.there(residual), bench.there(embedding)), formed


def distances(bench: Bench) -> float:
    """Squared distances of gradients that are never formed."""
    points, formed = factors(bench, bench.size(1_000, 100))
    return largest_error(sqdist(points, points), torch.cdist(formed, formed).square())


def centers(bench: Bench) -> float:
    """Each pick of k-center against the farthest point at that time."""
    n, size = bench.size(5_000, 300), bench.size(200, 20)
    points, labeled = bench.normal(n, WIDTH), bench.normal(50, WIDTH)
    picks = k_center(Dense(bench.there(points)), Dense(bench.there(labeled)), size)
    nearest, gains = torch.cdist(points, labeled).amin(1), []
    for pick in picks.tolist():
        gains.append(nearest)
        nearest = torch.minimum(nearest, torch.cdist(points, points[pick : pick + 1])[:, 0])
    return shortfall(gains, picks)


def spread(bench: Bench) -> float:
    """k-means++: all ordered outcomes of 3 of 6 points against their probabilities; -log10 of chi-squared's p-value."""
    points, formed = factors(bench, 6)
    sqdists = torch.cdist(formed, formed).square()
    first = int(formed.square().sum(1).argmax())
    probability = {}
    for second, third in itertools.permutations([i for i in range(6) if i != first], 2):
        nearest = torch.minimum(sqdists[first], sqdists[second])
        probability[first, second, third] = float(
            sqdists[first, second] / sqdists[first].sum() * nearest[third] / nearest.sum()
        )
    draws, counts = bench.size(3_000, 500), dict.fromkeys(probability, 0)
    for _ in range(draws):
        counts[tuple(kmeans_plus_plus(points, 3, bench.draws).tolist())] += 1
    # Outcomes expected less than five times are merged: chi-squared is unreliable for them.
    pairs = [(counts[key], draws * p) for key, p in probability.items()]
    often, seldom = [pair for pair in pairs if pair[1] >= 5], [pair for pair in pairs if pair[1] < 5]
    if seldom:
        often.append((sum(count for count, _ in seldom), max(sum(expected for _, expected in seldom), 1e-9)))
    observed, expected = zip(*often, strict=True)
    scale = sum(observed) / sum(expected)
    p_value = stats.chisquare(observed, [each * scale for each in expected]).pvalue
    return -float(torch.tensor(p_value, dtype=torch.float64).clamp_min(1e-300).log10())


def facility_location(bench: Bench) -> float:
    """Each pick against the largest gain at that time."""
    n, size = bench.size(2_000, 200), bench.size(100, 15)
    x = bench.normal(n, WIDTH)
    points = Dense(bench.there(x)).normalized()
    picks = maximize(FacilityLocation(Similarity(points, points, cosine, 1e9)), size)
    unit = F.normalize(x, dim=1)
    similarity, covered, gains = (1 + unit @ unit.T) / 2, torch.zeros(n, dtype=torch.float64), []
    for pick in picks.tolist():
        gains.append((similarity - covered).clamp_min(0).sum(1))
        covered = torch.maximum(covered, similarity[pick])
    return shortfall(gains, picks)


def look_ahead(bench: Bench) -> float:
    """Each pick of GLISTER against the largest gain at that time, with the logits after the picks before it."""
    n, size = bench.size(2_000, 200), bench.size(100, 15)
    points, formed = factors(bench, n)
    logits, embedding = bench.normal(300, CLASSES), bench.normal(300, WIDTH)
    labels = torch.randint(CLASSES, (300,), generator=bench.draws)
    there = Validation(bench.there(logits), bench.there(embedding), labels.to(bench.device))
    picks, gains, taken = glister(points, [there], size, LR), [], []
    for pick in picks.tolist():
        slope = (logits.softmax(1) - F.one_hot(labels, CLASSES)).T @ embedding / len(labels)
        gain = formed @ slope.flatten()
        gain[taken] = -torch.inf
        gains.append(gain)
        taken.append(pick)
        logits = logits - LR * embedding @ formed[pick].view(CLASSES, WIDTH).T
    return shortfall(gains, picks.cpu())


def pursuit(bench: Bench) -> float:
    """The objective that matching pursuit reaches, against the same algorithm in float64."""
    n, size = bench.size(2_000, 200), bench.size(100, 15)
    points, formed = factors(bench, n)
    target = formed.sum(0)
    found = matching_pursuit(points, weighted_sum(points, torch.ones(n, device=bench.device)), size)
    expected = matching_pursuit(Dense(formed), target, size)

    def objective(index: Tensor, weight: Tensor) -> Tensor:
        return (target - weight.double() @ formed[index]).square().sum() + 0.5 * weight.double().square().sum()

    return max(0.0, float(objective(*found) / objective(*expected)) - 1)


def joint(bench: Bench) -> float:
    """Each pick of BatchBALD against the largest mutual information at that time, over all configurations."""
    logs = log_probs(bench, 20, bench.size(200, 60))
    picks = batch_bald(bench.there(logs), 3, bench.draws)
    probs = logs.exp()
    conditional, given = torch.special.entr(probs).sum(2).mean(0), torch.ones(1, 20, dtype=torch.float64)
    gains, taken = [], []
    for pick in picks.tolist():
        table = torch.einsum("kt,tnc->nkc", given, probs) / 20
        gain = torch.special.entr(table).sum((1, 2)) - conditional
        gain[taken] = -torch.inf
        gains.append(gain)
        taken.append(pick)
        given = (given[:, None, :] * probs[:, pick].T[None]).flatten(0, 1)
    return shortfall(gains, picks)


CHECKS = [
    Check("entropy, margin, least confidence", "error of scores, relative", scores, 1e-5),
    Check("BALD", "error of scores, relative", bald, 1e-5),
    Check("distances of gradients", "error, relative", distances, 1e-5),
    Check("k-center", "shortfall of picks, of the gains' spread", centers, 1e-4),
    Check("k-means++", "-log10 of the p-value of its draws", spread, 6.0),
    Check("facility location", "shortfall of picks, of the gains' spread", facility_location, 1e-4),
    Check("GLISTER", "shortfall of picks, of the gains' spread", look_ahead, 1e-4),
    Check("matching pursuit", "objective above float64's, relative", pursuit, 1e-3),
    Check("BatchBALD", "shortfall of picks, of the gains' spread", joint, 1e-4),
]
