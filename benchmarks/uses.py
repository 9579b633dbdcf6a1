"""What each use of embeddings keeps of full quality at every dims × quantization, for several models.

Eight tasks: retrieval and duplicates on a BEIR folder, classification, clustering, outliers, recommendations and a
semantic cache on a folder with train.csv and test.csv (text, category) as Banking77 has them, pairs on STSBenchmark's
sts-test.csv. Prints for each model the figures of full quality, a Markdown table of the shares kept with their 95 %
intervals, the sentence of the report, and as the last line one JSON object with the seconds of each run.
"""

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import evalkit
from evalkit.config.compose import compose
from evalkit.reports.data.report import make_report
from evalkit.reports.data.uses import Setting, Use, Uses, uses_of
from evalkit.results.markdown import table

QUANTIZATIONS = ["float32", "int8", "int4", "binary"]
OF_LABELS = ["classification", "clustering", "outliers", "recommendations"]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--labelled", required=True, help="a folder with train.csv and test.csv")
    arguments.add_argument("--pairs", required=True, help="STSBenchmark's sts-test.csv")
    arguments.add_argument("--corpus", required=True, help="a BEIR folder")
    arguments.add_argument("--model", action="append", required=True, help="minilm:48,96,192,384; several are compared")
    options = arguments.parse_args()
    seconds: dict[str, float] = {}
    for given in options.model:
        model, _, dims = given.partition(":")
        widths = [int(width) for width in dims.split(",")]
        with TemporaryDirectory() as folder:
            for name, settings in runs(options):
                started = time.perf_counter()
                evalkit.run(model=model, dims=widths, quantization=QUANTIZATIONS, results_dir=folder, **settings)
                seconds[f"{model} {name}"] = round(time.perf_counter() - started, 1)
            for uses in uses_of(make_report(compose("report", [f"results_dir={folder}"]))):
                show(uses)
    print(json.dumps({"seconds": seconds}))


def runs(options: argparse.Namespace) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The settings of each run, by what it is called."""
    labelled, quick = Path(options.labelled), {"at_workload_seconds": 0, "top_k": 10, "measures": ["nDCG@10"]}
    files = {"train": str(labelled / "train.csv"), "test": str(labelled / "test.csv"), "label": "category"}
    yield "of labels", {"task": OF_LABELS, "corpus": {"table": {**files, "name": labelled.name}}}
    questions = {"questions": files["test"], "answer": "category", "name": f"{labelled.name} stream"}
    yield "cache", {"task": {"cache": {"shuffle_seed": 1}}, "corpus": {"table": questions}}
    columns = {"first": "6", "second": "7", "score": "5", "name": "stsb"}
    yield "pairs", {"task": "pairs", "corpus": {"table": {"pairs": options.pairs, **columns}}}
    yield "of documents", {"task": ["retrieval", "duplicates"], "corpus": {"beir": {"path": options.corpus}}, **quick}


def show(uses: Uses) -> None:
    print(f"\n**{uses.model}**: {', '.join(map(full_quality, uses.uses))}.\n")
    header = ("dims", "quantization", "bytes", *(use.task for use in uses.uses), "serves all")
    print("\n".join(table(header, (row(setting, uses) for setting in uses.settings))))
    print(f"\n{uses.sentence}")


def full_quality(use: Use) -> str:
    return f"{use.task} {use.measure} {use.full:.4f}"


def row(setting: Setting, uses: Uses) -> tuple[str, ...]:
    shares = (setting.shares.get(use.task) for use in uses.uses)
    cells = ("–" if s is None else f"{s.share:.1%} ({100 * s.low:.1f} – {100 * s.high:.1f})" for s in shares)
    serves = "shown" if setting.is_shown else "may be" if setting.may_be else "no"
    return (str(setting.dims), setting.quantization, f"{setting.bytes_per_vector:,.0f}", *cells, serves)


if __name__ == "__main__":
    main()
