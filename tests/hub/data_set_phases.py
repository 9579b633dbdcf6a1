"""One process that loads tasks of mteb while their hub comes and goes: datasets reads HF_ENDPOINT once, when imported.

python -m tests.hub.data_set_phases FOLDER TASK …     # prints, as JSON, what each phase gave of each task
"""

import json
import os
import shutil
import sys
from pathlib import Path

from tests.hub.stub import StubHub

OTHER = "b" * 40
CONFIGS = """---
configs:
- config_name: default
  data_files: [{split: test, path: qrels/test.jsonl}]
- config_name: corpus
  data_files: [{split: corpus, path: corpus.jsonl}]
- config_name: queries
  data_files: [{split: queries, path: queries.jsonl}]
---
"""
DOCUMENTS = ["red stone", "blue stone"] * 3


def phases(folder: Path, tasks: list[str]) -> dict[str, dict[str, object]]:
    home = folder / "home"
    (folder / "hub").mkdir()
    with StubHub(folder / "hub") as hub:
        os.environ.update({"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0"})
        sources = {task: source_of(task) for task in tasks}
        for path, revision in sources.values():
            put_data_set(hub.root / "datasets" / path / revision)
        fetched = {task: loaded(task) for task in tasks}
        home.rename(folder / "whole")
        for path, revision in sources.values():
            cache_another_commit(hub, path, revision)
    others = {task: loaded(task) for task in tasks}
    shutil.rmtree(home)
    nothing = {task: loaded(task) for task in tasks}
    shutil.rmtree(home, ignore_errors=True)
    (folder / "whole").rename(home)
    cached = {task: loaded(task) for task in tasks}
    return {"fetched": fetched, "another commit is cached": others, "nothing is cached": nothing, "cached": cached}


def source_of(task: str) -> tuple[str, str]:
    """The repository and the commit that mteb reads."""
    import mteb

    source = mteb.get_task(task).metadata.dataset
    return source["path"], source["revision"]


def put_data_set(folder: Path) -> None:
    """Six documents and three queries, laid out as mteb's retrieval tasks are."""
    documents = [{"_id": str(i), "title": "", "text": text} for i, text in enumerate(DOCUMENTS)]
    queries = [{"_id": f"q{i}", "text": word} for i, word in enumerate(["red", "blue", "stone"])]
    qrels = [{"query-id": f"q{i}", "corpus-id": str(i), "score": 1.0} for i in range(3)]
    for name, rows in (("corpus", documents), ("queries", queries), ("qrels/test", qrels)):
        file = folder / f"{name}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "README.md").write_text(CONFIGS)


def cache_another_commit(hub: StubHub, path: str, revision: str) -> None:
    import datasets

    pinned = hub.root / "datasets" / path / revision
    shutil.copytree(pinned, pinned.with_name(OTHER))
    for config in ("default", "corpus", "queries"):
        datasets.load_dataset(path, config, revision=OTHER)


def loaded(task: str) -> object:
    """The documents of the corpus, or the message why there are none."""
    from evalkit.config import MtebCorpus
    from evalkit.corpora.mteb import load
    from evalkit.errors import UserError

    try:
        return list(load(MtebCorpus(task=task), task).documents.texts)
    except UserError as error:
        return str(error)


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(phases(Path(sys.argv[1]), sys.argv[2:])))
