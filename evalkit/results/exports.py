"""A stored run in the formats of other tools: TREC run files, and MTEB's result JSON."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from evalkit.errors import UserError
from evalkit.files import named, write_text
from evalkit.results.reader import StoredRun, rows_by_point
from evalkit.results.setting import KEY, RETRIEVAL, label_parts

MTEB_NAMES = {
    "nDCG": "ndcg",
    "R": "recall",
    "RR": "mrr",
    "AP": "map",
    "P": "precision",
    "Success": "hit_rate",
}
MAIN_SCORE = "nDCG@10"


def export_trec(run: StoredRun, folder: Path) -> Iterator[Path]:
    """One ``<corpus>.<dims>.<quantization>.<index>.run`` per point: lines of ``qid Q0 docid rank score tag``.

    Scores are written so that they read back as the same float32; trec_eval orders equal ones as evalkit did.
    """
    rankings = run.rankings()
    for key, rows in rows_by_point(rankings).items():
        name = file_name(*setting_parts(dict(zip(KEY, key, strict=True))).values())
        ranking = rankings.iloc[rows]
        if (bad := ranking["query_id"].str.contains(r"\s") | ranking["document_id"].str.contains(r"\s")).any():
            row = ranking[bad].iloc[0]
            raise UserError(
                f"'{row.query_id}' or '{row.document_id}' has white space in it, which TREC run files can't hold.",
                "Export formats=[mteb] alone, or rename the ids.",
            )
        file = folder / f"{name}.run"
        file.parent.mkdir(parents=True, exist_ok=True)
        with named(file), file.open("w", encoding="utf-8") as opened:
            columns = (ranking["query_id"], ranking["document_id"], ranking["rank"], ranking["score"])
            for query, document, rank, score in zip(*columns, strict=True):
                opened.write(f"{query} Q0 {document} {rank} {score!s} evalkit-{name}\n")
        yield file


def setting_parts(point: Mapping[str, Any]) -> dict[str, str]:
    """Corpus, dims, quantization and index as far as a point has them; other tasks than retrieval come first."""
    task = {} if point["task"] == RETRIEVAL else {"task": str(point["task"])}
    return task | dict(label_parts(point))


def export_mteb(run: StoredRun, folder: Path) -> Iterator[Path]:
    """One TaskResult JSON per point: ``<dims>.<quantization>.<index>/<model>/<revision>/<corpus>.json``."""
    for point in run.about["points"]:
        setting = file_name(*(text for part, text in setting_parts(point).items() if part != "corpus"))
        model, revision, corpus = (file_name(point[name]) for name in ("model", "revision", "corpus"))
        file = folder / setting / model / revision / f"{corpus}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps(mteb_result(point, run.about), indent=1))
        yield file


def mteb_result(point: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
    """One point as mteb's TaskResult writes it; names of measures that mteb lacks stay as they are."""
    scores = {mteb_name(m): point[m] for m in about["config"]["measures"]}
    main = MAIN_SCORE if MAIN_SCORE in about["config"]["measures"] else about["config"]["measures"][0]
    passes = [e["seconds"] for e in about["embeddings"] if e["corpus"] == point["corpus"]]
    return {
        "dataset_revision": point["corpus_fingerprint"],
        "task_name": point["corpus"],
        "mteb_version": about["environment"]["packages"].get("mteb"),
        "scores": {"test": [{**scores, "main_score": point[main], "hf_subset": "default", "languages": ["und-Zyyy"]}]},
        "evaluation_time": None if None in passes else sum(passes),
        "kg_co2_emissions": None,
    }


def mteb_name(measure: str) -> str:
    """``nDCG@10`` → ``ndcg_at_10``."""
    name, _, cutoff = measure.partition("@")
    return f"{MTEB_NAMES[name]}_at_{cutoff}" if name in MTEB_NAMES and cutoff else measure


def file_name(*parts: object) -> str:
    """``parts`` joined by dots, safe as one file name; slashes become two underscores as in mteb's results."""
    joined = ".".join(str(p) for p in parts).replace("/", "__")
    return "".join(c if c.isalnum() or c in "._-+" else "_" for c in joined).lstrip(".") or "_"


Exporter = Callable[[StoredRun, Path], Iterator[Path]]
EXPORTERS: dict[str, Exporter] = {"trec": export_trec, "mteb": export_mteb}
