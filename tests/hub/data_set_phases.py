"""One process that loads mteb's SciFact while its hub comes and goes: datasets reads HF_ENDPOINT once, when imported.

python -m tests.hub.data_set_phases ROOT HF_HOME     # prints, as JSON, what each phase gave
"""

import json
import os
import shutil
import sys
from pathlib import Path

from tests.hub.stub import StubHub

SCIFACT, PINNED, OTHER = "mteb/scifact", "d56462d0e63a25450459c4f213e49ffdb866f7f9", "b" * 40


def main(root: Path, home: Path) -> dict[str, object]:
    with StubHub(root) as hub:
        os.environ.update({"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0"})
        import datasets

        phases = {"fetched": loaded()}
        shutil.copytree(home, home.with_name("whole"))
        shutil.rmtree(home)
        datasets.load_dataset(SCIFACT, revision=OTHER)
        datasets.load_dataset(SCIFACT, "corpus", revision=OTHER)
        datasets.load_dataset(SCIFACT, "queries", revision=OTHER)
    phases["another commit is cached"] = loaded()
    shutil.rmtree(home)
    phases["nothing is cached"] = loaded()
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(home.with_name("whole"), home)
    phases["all is cached"] = loaded()
    return phases


def loaded() -> object:
    """The documents of the corpus, or the message why there are none."""
    from evalkit.config import MtebCorpus
    from evalkit.corpora.mteb import load
    from evalkit.errors import UserError

    try:
        return list(load(MtebCorpus(task="SciFact"), "scifact").documents.texts)
    except UserError as error:
        return str(error)


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))
