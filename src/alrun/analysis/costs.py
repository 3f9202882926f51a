"""What the runs cost: time, energy, and an estimate of the CO2 of producing this energy."""

import math

import pandas as pd

from alrun.analysis import figures, scores
from alrun.analysis.comparability import join_words
from alrun.analysis.page import Section

PHASES = {"train_joules": "training", "select_joules": "selection", "evaluate_joules": "evaluation"}
KWH = 3.6e6  # joules


def time_section(named: pd.DataFrame, runs: pd.DataFrame) -> Section:
    """The section on seconds per round and per run; ``runs`` comes from scores.per_run."""
    if named["curve"].nunique() > figures.LEGIBLE:
        return Section("Time", "Mean over repeats; there are too many curves to draw.", {}, {"times": times(runs)})
    text = (
        "Mean over repeats and a band of one standard deviation. On a logarithmic axis, the band extends as far below "
        "the mean as above it."
    )
    return Section("Time", text, {"time per round": figures.seconds(named)}, {"times": times(runs)})


def times(runs: pd.DataFrame) -> pd.DataFrame:
    """A row per curve: mean time of each phase of a run, as text."""
    found = runs.groupby("curve", sort=False)
    table = {name: found[column].mean().map(seconds_in_words) for column, name in scores.SECONDS.items()}
    return pd.DataFrame(table).rename_axis("per run").reset_index()


def seconds_in_words(value: float) -> str:
    """``4.2 s``, ``42 s``, ``3.5 min``, ``2.5 h``."""
    if value >= 7200:
        return f"{value / 3600:.1f} h"
    return f"{value / 60:.1f} min" if value >= 120 else f"{value:.2g} s" if value < 10 else f"{value:.0f} s"


def energy_of_runs(rounds: pd.DataFrame) -> pd.DataFrame:
    """A row per run: ``curve``, joules of each phase, their sum ``joules``, and ``grams`` of CO2-equivalent.

    NaN if a round of the run was not measured: the sum of the others would look like a saving.
    """
    rows = []
    for run, frame in rounds.groupby("run", sort=False):
        phases = {phase: frame[phase].sum(skipna=False) if phase in frame else math.nan for phase in PHASES}
        joules = sum(phases.values())
        grams = joules / KWH * intensity(frame)
        rows.append({"run": run, "curve": frame["curve"].iloc[0], **phases, "joules": joules, "grams": grams})
    return pd.DataFrame(rows)


def intensity(rounds: pd.DataFrame) -> float:
    """Grams of CO2-equivalent per kWh, from the run's settings; NaN if the table has no such column."""
    return float(pd.to_numeric(rounds.get("carbon_intensity", pd.Series([math.nan])), errors="coerce").iloc[0])


def energy_section(named: pd.DataFrame) -> Section:
    """The section on energy: a table of means per run, or the reason why there is none."""
    runs = energy_of_runs(named)
    reasons = unmeasured(named, runs)
    if runs["joules"].isna().all():
        return Section("Energy", f"Not measured: {join_words(reasons)}.")
    sources = sorted(set(named["energy_source"]) - {"", "none"})
    grams = sorted(set(named["carbon_intensity"]) - {""}) if "carbon_intensity" in named else []
    text = (
        f"Means per run, measured by {join_words(sources)}: nvml is a GPU's own counter, rapl that of the processors "
        "and their memory. The rest of the machine is not included. A counter belongs to the device: it includes "
        "whatever else ran on it at that time, and each of several simultaneous runs (at_once) counts the whole "
        f"device. CO2 is an estimate with {join_words(grams)} g per kWh (runtime.carbon_intensity)."
    )
    if reasons:
        text += f" {int(runs['joules'].isna().sum())} of {len(runs)} runs were not measured: {join_words(reasons)}."
    means = runs.groupby("curve", sort=False)[[*PHASES, "joules", "grams"]].mean()
    table = pd.DataFrame({"per run": means.index})
    for column, name in PHASES.items():
        table[f"{name} (kJ)"] = [three_digits(value / 1e3) for value in means[column]]
    table["all (Wh)"] = [three_digits(1e3 * value / KWH) for value in means["joules"]]
    table["CO2 (g)"] = [three_digits(value) for value in means["grams"]]
    return Section("Energy", text, {}, {"energy": table})


def unmeasured(named: pd.DataFrame, runs: pd.DataFrame) -> list[str]:
    """Why runs have no energy, each reason once."""
    lacking = named[named["run"].isin(runs.loc[runs["joules"].isna(), "run"])]
    if lacking.empty:
        return []
    texts = lacking["energy"] if "energy" in lacking else pd.Series("", lacking.index)
    old = "the version that computed these runs did not measure it"
    part = "a part of the run was not measured"
    known = [text.removeprefix("none; ") if text.startswith("none; ") else part if text else old for text in texts]
    return list(dict.fromkeys(known))


def three_digits(value: float) -> str:
    """A number as text with three digits; empty for NaN."""
    return "" if math.isnan(value) else f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def energy_sentence(rounds: pd.DataFrame) -> list[str]:
    """A sentence on the energy of all measured runs together; empty if none was measured."""
    runs = energy_of_runs(rounds).dropna(subset="joules")
    if runs.empty or not runs["joules"].sum() > 0:
        return []
    joules = runs[[*PHASES, "joules"]].sum()
    text = (
        f"{len(runs)} runs used {three_digits(joules['joules'] / KWH * 1e3)} Wh of the devices they ran on, "
        f"{100 * joules['train_joules'] / joules['joules']:.0f} % in training and "
        f"{100 * joules['select_joules'] / joules['joules']:.0f} % in selection"
    )
    grams = runs["grams"].sum(skipna=False)
    return [text + ("." if math.isnan(grams) else f"; about {three_digits(grams)} g of CO2.")]
