"""Does the prediction of what settings keep of full precision hold at four times the documents?

One collection as it is, others with its documents as distractors. Each is measured at nested samples up to a quarter
of all documents n, and at n. The share of full precision (native width, float32, exact) is predicted for n from the
smaller sizes alone (measures/growth.py) and held against the share measured at n, beside the guess that it stays as
measured at n/4, with that share's own interval on the same queries; and nDCG@10 itself in the same way. Counted are
the settings whose interval holds what was measured, and the mean interval score of 95 % intervals (Gneiting and
Raftery, JASA 2007, section 6.2: the width, and 2/alpha times what lies outside). Prints a Markdown table and as the
last line one JSON object.
"""

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import evalkit
from evalkit.arrays import Floats
from evalkit.config.compose import compose
from evalkit.corpora import load_corpus
from evalkit.corpora.samples import judged_rows
from evalkit.measures.growth import growth
from evalkit.measures.kept import kept_shares
from evalkit.reports.data.report import make_report
from evalkit.reports.data.sizes import SizeCurves
from evalkit.results.markdown import table

Figures = tuple[Floats, Floats, float]
WHAT = ("share", "quality")  # of full precision; nDCG@10 itself

ALPHA = 0.05
SMALLER = 3  # sizes up to n/4
SMALLEST = 16  # of n/16 documents, or as many as are judged
DIMS = [32, 64, 128, 192, 256, 320, 384]
QUANTIZATIONS = ["float32", "float16", "int8", "int4", "pq", "rabitq", "binary"]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--corpus", required=True, help="a BEIR folder: the distractors of others")
    arguments.add_argument("--enlarged", action="append", default=[], help="a BEIR folder; several are possible")
    arguments.add_argument("--model", default="minilm")
    arguments.add_argument("--runtime", default="torch")
    arguments.add_argument("--store", default=None, help="where embeddings are kept")
    options = arguments.parse_args()
    rows: list[list[str]] = []
    corpora: dict[str, Any] = {}
    everything: dict[str, list[Figures]] = {what: [] for what in WHAT}
    for folder in (options.corpus, *options.enlarged):
        name, sizes, curves = measured(options, folder)
        corpora[name] = {"sizes": sizes}
        for what in WHAT:
            figures = held_against(curves, of_full_precision=what == "share")
            everything[what] += figures.values()
            corpora[name][what] = summary(list(figures.values()))
            for setting, (predicted, stays, truth) in figures.items():
                rows.append([name, setting, what, words(stays), words(predicted), f"{100 * truth:.1f}"])
    for line in table(["corpus", "setting", "what", "at n/4, %", "predicted at n, %", "measured at n, %"], rows):
        print(line)
    print(json.dumps({"all": {what: summary(figures) for what, figures in everything.items()}, "corpora": corpora}))


def measured(options: argparse.Namespace, folder: str) -> tuple[str, list[int], SizeCurves]:
    """A corpus's name, its sizes up to n, and what all settings reach at each."""
    own = load_corpus("own", {"source": "beir", "path": folder})
    added = [] if folder == options.corpus else [load_corpus("added", {"source": "beir", "path": options.corpus})]
    total = sum(len(corpus.documents) for corpus in (own, *added))
    smallest = max(len(judged_rows(own)), total // SMALLEST)
    sizes = [int(size) for size in np.geomspace(smallest, total // 4, SMALLER)]
    names = [folder] if not added else [folder, options.corpus]
    store: dict[str, Any] = {"store": {"path": options.store}} if options.store else {}
    with TemporaryDirectory() as results:
        evalkit.run(
            model=options.model,
            runtime=options.runtime,
            dims=DIMS,
            quantization=QUANTIZATIONS,
            corpus_sizes=[*sizes, total],
            overrides=[f"corpus=[{','.join(names)}]", "runtime.timing_seconds=0", "runtime.latency_calls=1"],
            distractors=Path(options.corpus).name if added else None,
            measures=["nDCG@10"],
            top_k=10,
            save_rankings=False,
            at_workload_seconds=0,
            results_dir=results,
            **store,
        )
        report = make_report(compose("report", [f"results_dir={results}"]))
        curves = next(each for each in report.size_curves if each.corpus == own.name)
    return own.name, [*sizes, total], curves


def held_against(curves: SizeCurves, of_full_precision: bool) -> dict[str, Figures]:
    """Setting → (predicted at n, the same at n/4, each with its interval; measured at n)."""
    kept, clusters = curves.values, curves.clusters
    full = curves.full_values if of_full_precision else np.ones_like(curves.full_values)
    smaller = [place for place, size in enumerate(curves.sizes) if size <= curves.sizes[-1] // 4 + 1]
    of = growth([kept[i] for i in smaller], [full[i] for i in smaller], clusters, [curves.sizes[i] for i in smaller])
    predicted = of.at(curves.sizes[-1], ALPHA)
    last = smaller[-1]
    at_quarter = kept_shares([kept[last]], [full[last]], [clusters])
    stays = np.stack([at_quarter.shares, at_quarter.at_least(ALPHA / 2), at_quarter.at_most(ALPHA / 2)], axis=1)
    truth = kept[-1].mean(axis=1) / full[-1].mean()
    left_out = curves.full if of_full_precision else None  # keeps all of itself
    return {name: (predicted[i], stays[i], float(truth[i])) for i, name in enumerate(curves.names) if i != left_out}


def summary(figures: list[Figures]) -> dict[str, Any]:
    predicted, stays = (np.stack([each[side] for each in figures]) for side in (0, 1))
    truth = np.array([each[2] for each in figures])
    return {
        "settings": len(figures),
        "held_predicted": round(float(inside(predicted, truth).mean()), 4),
        "held_stays": round(float(inside(stays, truth).mean()), 4),
        "score_predicted": round(float(interval_score(predicted, truth).mean()), 5),
        "score_stays": round(float(interval_score(stays, truth).mean()), 5),
        "off_predicted": round(float(np.abs(predicted[:, 0] - truth).mean()), 5),
        "off_stays": round(float(np.abs(stays[:, 0] - truth).mean()), 5),
    }


def inside(bounds: Floats, truth: Floats) -> Floats:
    return (bounds[:, 1] <= truth) & (truth <= bounds[:, 2])


def interval_score(bounds: Floats, truth: Floats) -> Floats:
    low, high = bounds[:, 1], bounds[:, 2]
    return (high - low) + 2 / ALPHA * (np.maximum(low - truth, 0) + np.maximum(truth - high, 0))


def words(share: Floats) -> str:
    return f"{100 * share[0]:.1f} ({100 * share[1]:.1f} – {100 * share[2]:.1f})"


if __name__ == "__main__":
    main()
