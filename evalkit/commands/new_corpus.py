"""``python -m evalkit new-corpus <folder>``: your own documents as a corpus, with questions to fill in."""

import sys
from pathlib import Path

from evalkit.commands.arguments import split
from evalkit.commands.streams import name_path
from evalkit.config import NewCorpusConfig
from evalkit.config.compose import compose
from evalkit.errors import UserError, require, say

SHOWN = 3
NOT_READ = "links, pipes or devices were not read"
NEXT = """\
evalkit: ask what your users ask: a line {"_id": "q1", "text": "…"} for each question in queries.jsonl,
         and a line "q1<tab>document id<tab>1" for each document that answers it in qrels/test.tsv.
"""


def main(arguments: list[str]) -> int:
    """Write the corpus, say what it lacks, and as the last line of stdout name its folder."""
    from evalkit.corpora.new_corpus import make_corpus

    words = split("new-corpus", arguments)
    if len(words.names) != 1:
        raise UserError(
            f"new-corpus takes one folder, not {len(words.names)}.", "Write: python -m evalkit new-corpus <folder>."
        )
    config: NewCorpusConfig = compose("new-corpus", words.settings)
    for package in ("bs4", "semantic_text_splitter"):
        require(package, "new-corpus", "new-corpus")
    source = Path(words.names[0]).expanduser()
    folder = Path(config.output_dir) if config.output_dir else Path("data") / source.resolve().name
    made = make_corpus(source, folder, config.chunk_characters, config.headings)
    say(f"evalkit: {made.files:,} files, {made.documents:,} documents, {made.queries:,} questions")
    if made.passed_over:
        shown = ", ".join(map(str, made.passed_over[:SHOWN])) + (", …" if len(made.passed_over) > SHOWN else "")
        say(f"evalkit: {len(made.passed_over):,} {NOT_READ}: {shown}")
    for finding in made.findings:
        say(f"evalkit: {finding}")
    if not made.queries:
        sys.stderr.write(NEXT)
    name_path(folder)
    return 0
