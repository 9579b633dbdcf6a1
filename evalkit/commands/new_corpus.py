"""``python -m evalkit new-corpus <folder>``: your own documents as a corpus, with questions to fill in."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.commands.arguments import split
from evalkit.commands.streams import name_path
from evalkit.config import NewCorpusConfig
from evalkit.config.compose import compose
from evalkit.errors import UserError, require, say

if TYPE_CHECKING:
    from evalkit.corpora.set_aside import Revision

SHOWN, MOST_LISTED = 3, 20
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
    made = make_corpus(source, folder, config.chunk_characters, config.headings, config.keep_changed)
    say(f"evalkit: {made.files:,} files, {made.documents:,} documents, {made.queries:,} questions")
    if made.passed_over:
        shown = ", ".join(map(str, made.passed_over[:SHOWN])) + (", …" if len(made.passed_over) > SHOWN else "")
        say(f"evalkit: {len(made.passed_over):,} {NOT_READ}: {shown}")
    for line in lines_of(made.revision):
        say(line)
    for finding in made.findings:
        say(f"evalkit: {finding}")
    if not made.queries:
        sys.stderr.write(NEXT)
    name_path(folder)
    return 0


def lines_of(revision: "Revision") -> Iterator[str]:
    """What became of judgments, each by its query and document."""
    files = ", ".join(map(str, revision.files))
    for judgments, says in (
        (
            [f"{q}: {d} ({why})" for q, d, why in revision.set_aside],
            f"set aside: the text changed or is gone ({files})",
        ),
        ([f"{q}: {d}" for q, d in revision.stayed], "kept although the text changed (keep_changed=true)"),
        ([f"{q}: {before} is now {now}" for q, before, now in revision.followed], "moved with the text to another id"),
        ([f"{q}: {d}" for q, d in revision.back], "back with the text"),
    ):
        count = len(judgments)
        yield from [f"evalkit: {count:,} judgment{'s' * (count != 1)} {says}"] * bool(judgments)
        yield from (f"         {judgment}" for judgment in judgments[:MOST_LISTED])
        yield from [f"         and {count - MOST_LISTED:,} more"] * (count > MOST_LISTED)
