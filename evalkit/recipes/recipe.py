"""A stored point as text to paste, in the language of its engine, with the contract of its model as JSON."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.errors import UserError, did_you_mean
from evalkit.recipes import faiss, milvus, pgvector, pinecone, qdrant, weaviate
from evalkit.recipes.chosen import Chosen, chosen
from evalkit.results.contract import as_json

SQL, PYTHON = "sql", "python"
ENGINES: Mapping[str, tuple[Callable[[Chosen], str], str]] = {  # name: what writes its text, in which language
    "faiss": (faiss.text, PYTHON),
    "pgvector": (pgvector.text, SQL),
    "qdrant": (qdrant.text, PYTHON),
    "milvus": (milvus.text, PYTHON),
    "weaviate": (weaviate.text, PYTHON),
    "pinecone": (pinecone.text, PYTHON),
}
ENDINGS = {SQL: "sql", PYTHON: "py"}


@dataclass(frozen=True)
class Recipe:
    """``text`` is in ``language`` (``sql``, ``python``) and ends in a line break; ``contract`` is JSON."""

    language: str
    text: str
    contract: str

    @property
    def ending(self) -> str:
        """Of a file's name."""
        return ENDINGS[self.language]


def recipe_of(about: Mapping[str, Any], point: Mapping[str, Any]) -> Recipe:
    """Of a ``point`` of a run (run.json). Raises UserError where it has none, and says why."""
    setting = chosen(about, point)
    if setting.engine not in ENGINES:
        raise UserError(f"there is no text for the engine {setting.engine}.", did_you_mean(setting.engine, ENGINES))
    text_of, language = ENGINES[setting.engine]
    return Recipe(language, text_of(setting), as_json(setting.contract, indent=1) + "\n")
