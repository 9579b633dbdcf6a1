"""Memory and seconds of reading a corpus of many short documents, which may be more than memory holds.

``python benchmarks/large_corpus.py --documents 10000000`` writes that many documents as a Parquet folder and as JSON
Lines (about 80 characters each, ids of 11), reads each in a process of its own, and works out all that a retrieval run
asks of texts and ids: fingerprints, findings, digests, the order of ties, the canary's rows. The last line is JSON: per
format the seconds, the most memory beyond an interpreter with the same modules, and the temporary file's size.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FORMATS = ("parquet", "jsonl")
ROWS_PER_FILE = 1_000_000
WORDS = tuple(
    "vector index recall search query document corpus shard model text answer cluster sample table set".split()  # noqa: SIM905
)
READER = "--read"


def text_of(i: int) -> str:
    return " ".join(WORDS[(i * 2654435761 >> shift) % len(WORDS)] for shift in range(0, 30, 3)) + f" {i}"


def write_corpus(folder: Path, documents: int, format_: str) -> None:
    """``corpus`` with one question and its judgment in BEIR's layout."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    (folder / "qrels").mkdir(parents=True)
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "which shard has the answer?"}\n')
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\tdoc-0000007\t1\n")
    if format_ == "jsonl":
        with (folder / "corpus.jsonl").open("w") as file:
            for i in range(documents):
                file.write(json.dumps({"_id": f"doc-{i:07d}", "title": "", "text": text_of(i)}) + "\n")
        return
    (folder / "corpus").mkdir()
    for first in range(0, documents, ROWS_PER_FILE):
        rows = range(first, min(first + ROWS_PER_FILE, documents))
        table = pa.table({"_id": [f"doc-{i:07d}" for i in rows], "text": [text_of(i) for i in rows]})
        pq.write_table(table, folder / "corpus" / f"part-{first // ROWS_PER_FILE:05d}.parquet", row_group_size=100_000)


def peak_bytes() -> int:
    """Peak memory of this process alone (Linux): what ``getrusage`` tells begins with the memory of who started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def read_corpus(folder: Path) -> dict[str, float]:
    """Seconds and peak memory of reading the corpus in ``folder``, in this process."""
    import pyarrow.parquet  # noqa: F401  (no part of what a document takes)

    from evalkit.corpora import load_corpus
    from evalkit.embeddings.canary import canary_rows
    from evalkit.measures.ranking import tie_order

    before = peak_bytes()
    started = time.perf_counter()
    corpus = load_corpus("beir", {"source": "beir", "path": str(folder)})
    loaded, loaded_bytes = time.perf_counter(), peak_bytes()
    _ = corpus.fingerprint, corpus.documents.fingerprint
    fingerprinted, fingerprinted_bytes = time.perf_counter(), peak_bytes()
    canary_rows(corpus.documents)
    place = tie_order(corpus.documents.ids)
    assert sorted(place[:3].tolist(), reverse=True) == place[:3].tolist()
    texts: object = corpus.documents.texts
    return {
        "documents": len(corpus.documents),
        "load_seconds": round(loaded - started, 1),
        "fingerprint_seconds": round(fingerprinted - loaded, 1),
        "order_seconds": round(time.perf_counter() - fingerprinted, 1),
        "load_mb": (loaded_bytes - before) // 10**6,
        "fingerprint_mb": (fingerprinted_bytes - before) // 10**6,
        "peak_mb": (peak_bytes() - before) // 10**6,
        "interpreter_mb": before // 10**6,
        "temporary_file_mb": os.fstat(texts.file.fileno()).st_size // 10**6,  # type: ignore[attr-defined]
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--formats", nargs="+", default=FORMATS, choices=FORMATS)
    parser.add_argument(READER, metavar="FOLDER")
    arguments = parser.parse_args()
    if arguments.read:
        print(json.dumps(read_corpus(Path(arguments.read))))
        return
    found = {}
    for format_ in arguments.formats:
        with tempfile.TemporaryDirectory() as folder:
            write_corpus(Path(folder, "corpus"), arguments.documents, format_)
            command = [sys.executable, __file__, READER, str(Path(folder, "corpus"))]
            read = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found[format_] = json.loads(read.splitlines()[-1])
            print(f"{format_}: {found[format_]}", file=sys.stderr)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
