"""The corpus that every machine with Python has: the docstrings of its standard library.

The first paragraph of a docstring is the query, the rest is the one document that answers it. Good for a smoke
test and a demonstration; nobody should choose a model by it.
"""

import ast
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

from evalkit.config import PydocCorpus
from evalkit.corpora.corpus import Corpus, build_corpus
from evalkit.errors import UserError

SUMMARY_WORDS, BODY_WORDS = 4, 8
NOT_LIBRARY = {"site-packages", "dist-packages", "test", "tests", "__pycache__", "lib2to3"}
Documented = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def load(settings: PydocCorpus, name: str) -> Corpus:
    """Docstrings of every function and class below the root of ``settings``; null is the standard library's source."""
    summaries: dict[str, str] = {}
    bodies: dict[str, str] = {}
    seen: set[str] = set()
    root = Path(settings.root or sysconfig.get_path("stdlib")).expanduser()
    for id_, docstring in read_docstrings(root):
        summary, body = split_docstring(docstring)
        short = len(summary.split()) < SUMMARY_WORDS or len(body.split()) < BODY_WORDS
        if short or id_ in bodies or summary in seen or body in seen:
            continue
        seen |= {summary, body}
        summaries[id_], bodies[id_] = summary, body
    if not bodies:
        raise UserError(
            f"corpus '{name}': no docstring below {root} has a first paragraph and enough text behind it.",
            "Give a folder of documented Python: corpus.pydoc.root=<folder>, or null for the standard library.",
        )
    qrels = {id_: {id_: 1} for id_ in bodies}
    return build_corpus(name, bodies.items(), summaries.items(), qrels, ignore_identical_ids=False)


def split_docstring(docstring: str) -> tuple[str, str]:
    """The summary paragraph on one line, and what follows it."""
    summary, _, body = docstring.strip().partition("\n\n")
    return " ".join(summary.split()), body.strip()


def read_docstrings(root: Path) -> Iterator[tuple[str, str]]:
    """(``module:qualified.name``, docstring) of every documented function and class below ``root``, files in order.

    Raises UserError where ``root`` is no folder.
    """
    if not root.is_dir():
        raise UserError(
            f"corpus.pydoc.root={root} is no folder.",
            "Give one that holds Python files; null is the standard library's.",
        )
    for file in sorted(root.rglob("*.py")):
        relative = file.relative_to(root)
        if not NOT_LIBRARY.isdisjoint(relative.parts):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)
                tree = ast.parse(file.read_bytes())
        except (SyntaxError, ValueError):  # templates and deliberately broken files
            continue
        module = ".".join(relative.with_suffix("").parts)
        for qualified_name, node in walk(tree, ()):
            if docstring := ast.get_docstring(node):
                yield f"{module}:{qualified_name}", docstring


def walk(
    node: ast.AST, outer: tuple[str, ...]
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    """Every function and class below ``node`` with its dotted name, in source order."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Documented):
            path = (*outer, child.name)
            yield ".".join(path), child
            yield from walk(child, path)
        else:
            yield from walk(child, outer)
