"""A stored run in the formats of other tools: TREC run files, and MTEB's result JSON."""

import hashlib
import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from evalkit.errors import UserError, say
from evalkit.formats.media import is_trec_field
from evalkit.results.reader import StoredRun, rows_by_point
from evalkit.results.setting import FULL, KEY, RETRIEVAL, Key, key_of, label_parts
from evalkit.results.task_measures import measures_of_point
from evalkit.system.files import write_text, writing

MTEB_NAMES = {
    "nDCG": "ndcg",
    "R": "recall",
    "RR": "mrr",
    "AP": "map",
    "P": "precision",
    "Success": "hit_rate",
}
MOST_BYTES, DIGEST = 200, 12  # of a file's name, which may have 255 with what is put around it
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
MAIN_SCORE = "nDCG@10"


def export_trec(run: StoredRun, folder: Path) -> Iterator[Path]:
    """One ``<corpus>.<dims>.<quantization>.<index>.run`` per point: lines of ``qid Q0 docid rank score tag``.

    None of tasks that search nothing.

    Scores are written so that they read back as the same float32; trec_eval orders equal ones as evalkit did.
    """
    if all(point["task"] != RETRIEVAL for point in run.about["points"]):
        return
    rankings = run.rankings()
    points = rows_by_point(rankings)
    names = different({key: (file_name(*setting_parts(dict(zip(KEY, key, strict=True))).values()),) for key in points})
    for key, rows in points.items():
        (name,) = names[key]
        ranking = rankings.iloc[rows]
        check_ids(ranking["query_id"].unique())
        check_ids(ranking["document_id"].unique())
        file = folder / f"{name}.run"
        file.parent.mkdir(parents=True, exist_ok=True)
        with writing(file) as opened:
            columns = (ranking["query_id"], ranking["document_id"], ranking["rank"], ranking["score"])
            for query, document, rank, score in zip(*columns, strict=True):
                opened.write(f"{query} Q0 {document} {rank} {score!s} evalkit-{name}\n")
        yield file


def check_ids(ids: Iterable[str]) -> None:
    """Raises UserError for the first of ``ids`` that can't be a field of a TREC run file."""
    for id_ in ids:
        if not is_trec_field(id_):
            raise UserError(
                f"'{id_}' is empty or has white space in it, which TREC run files can't hold.",
                "Export formats=[mteb] alone, or rename the ids.",
            )


def setting_parts(point: Mapping[str, Any]) -> dict[str, str]:
    """Corpus, dims, quantization and index as far as a point has them; other tasks than retrieval come first."""
    task = {} if point["task"] == RETRIEVAL else {"task": str(point["task"])}
    return task | dict(label_parts(point))


def export_mteb(run: StoredRun, folder: Path) -> Iterator[Path]:
    """One TaskResult JSON per point: ``<dims>.<quantization>.<index>/<model>/<revision>/<corpus>.json``.

    None of a point without quality, nor of a sample or an enlarged corpus (told on stderr): mteb has no word for that.
    """
    judged = [point for point in run.about["points"] if main_score(point, run.about) is not None]
    points = {key_of(point): point for point in judged if point.get("corpus_size", FULL) == FULL}
    if left_out := len(judged) - len(points):
        say(f"mteb: {left_out} points of samples and enlarged corpora are left out: they are no results of the task")
    names = different({key: mteb_path(point) for key, point in points.items()})
    for key, point in points.items():
        *folders, corpus = names[key]
        file = folder.joinpath(*folders, f"{corpus}.json")
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps(mteb_result(point, run.about), indent=1))
        yield file


def mteb_path(point: Mapping[str, Any]) -> tuple[str, ...]:
    setting = file_name(*(text for part, text in setting_parts(point).items() if part != "corpus"))
    return setting, *(file_name(point[name]) for name in ("model", "revision", "corpus"))


def mteb_result(point: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
    """One point as mteb's TaskResult writes it; names of measures that mteb lacks stay as they are."""
    scores = {mteb_name(m): point[m] for m in measures_of_point(about, point) if m in point}
    passes = [e["seconds"] for e in about["embeddings"] if e["corpus"] == point["corpus"]]
    return {
        "dataset_revision": point["corpus_fingerprint"],
        "task_name": point["corpus"],
        "mteb_version": about["environment"]["packages"].get("mteb"),
        "scores": {
            "test": [
                {**scores, "main_score": main_score(point, about), "hf_subset": "default", "languages": ["und-Zyyy"]}
            ]
        },
        "evaluation_time": None if None in passes else sum(passes),
        "kg_co2_emissions": None,
    }


def main_score(point: Mapping[str, Any], about: Mapping[str, Any]) -> float | None:
    """nDCG@10 of retrieval where it was measured, else the first measure of the point's task."""
    measures = measures_of_point(about, point)
    score: float | None = point.get(MAIN_SCORE if MAIN_SCORE in measures else measures[0])
    return score


def mteb_name(measure: str) -> str:
    """``nDCG@10`` → ``ndcg_at_10``."""
    name, _, cutoff = measure.partition("@")
    return f"{MTEB_NAMES[name]}_at_{cutoff}" if name in MTEB_NAMES and cutoff else measure


def file_name(*parts: object) -> str:
    """``parts`` joined by dots, safe as one file name; slashes become two underscores as in mteb's results.

    A name that file systems can't hold is cut, and one that Windows keeps for a device is not given.
    """
    joined = ".".join(str(p) for p in parts).replace("/", "__")
    name = "".join(c if c.isalnum() or c in "._-+" else "_" for c in joined).strip(".") or "_"
    name = f"_{name}" if name.partition(".")[0].lower() in DEVICES else name
    return name if len(name.encode()) <= MOST_BYTES else with_digest(name, joined)


def different(names: Mapping[Key, tuple[str, ...]]) -> dict[Key, tuple[str, ...]]:
    """The paths of points, whose last name has a digest of the point where a file system may take two for one."""
    counts = Counter(map(folded, names.values()))
    return {
        key: path if counts[folded(path)] == 1 else (*path[:-1], with_digest(path[-1], repr(key)))
        for key, path in names.items()
    }


def folded(path: tuple[str, ...]) -> str:
    """What is the same for paths that differ in case or in how their characters are composed."""
    return unicodedata.normalize("NFKC", "/".join(path)).casefold()


def with_digest(name: str, whole: str) -> str:
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST]
    return f"{name.encode()[: MOST_BYTES - DIGEST - 1].decode(errors='ignore')}-{digest}"


Exporter = Callable[[StoredRun, Path], Iterator[Path]]
EXPORTERS: dict[str, Exporter] = {"trec": export_trec, "mteb": export_mteb}
