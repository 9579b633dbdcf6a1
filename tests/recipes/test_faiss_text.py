"""FAISS's text, run as it stands, finds what evalkit's own index found."""

import numpy as np
import pytest

from evalkit.errors import UserError
from evalkit.measures.ranking import tie_order
from evalkit.recipes.recipe import recipe_of
from evalkit.search import Vectors, build, operating_points
from tests.recipes.stored import CONFIG, DIMS, IDS, QUERIES, VECTORS, names_of, run_of

SLOW = ("opq",)  # trains for long, and is pq but for the rotation
PAIRS = [
    (quantization, index)
    for quantization in CONFIG.quantization
    for index in CONFIG.index
    if quantization not in SLOW and not (index != "flat" and quantization.startswith(("rabitq", "lsh", "pq")))
]


@pytest.mark.parametrize(("quantization", "index"), [*PAIRS, ("pq", "hnsw"), ("rabitq", "ivf"), ("pq_rescore", "ivf")])
def test_the_text_finds_what_was_measured(quantization: str, index: str) -> None:
    configs = CONFIG.quantization[quantization], CONFIG.index[index]
    searcher = build(Vectors(VECTORS, DIMS), tie_order(IDS), *configs)
    point = list(operating_points(index, configs[1], configs[0], 10))[-1]
    expected = searcher.at(point).find(QUERIES, 10)
    about, stored = run_of(
        quantization,
        index_word=index,
        operating_point=point.name.removeprefix(index).strip("()"),
        candidates=point.candidates,
        metric=searcher.index.metric,
    )
    recipe = recipe_of(about, stored)
    names = names_of(recipe.text)
    made = names["make"](VECTORS)
    scores, rows = names["search"](*(made if isinstance(made, tuple) else (made,)), QUERIES)
    assert scores.shape == rows.shape == (len(QUERIES), 10)
    if searcher.index.metric == "hamming" and point.candidates is None:  # many ties, in no particular order
        distances = (1 - expected.scores) * DIMS / 2 if "binary" in quantization else -expected.scores
        assert np.allclose(scores, distances)
    else:
        assert rows.tolist() == expected.rows.tolist()
    assert names["CONTRACT"]["dims"] == DIMS


def test_the_string_and_the_operating_point_are_said() -> None:
    about, stored = run_of("int8", index_word="ivf", operating_point="nprobe=16")
    text = recipe_of(about, stored).text
    assert "faiss.index_factory(24, 'IVF20,SQ8', faiss.METRIC_INNER_PRODUCT)" in text
    assert "set_index_parameter(index, 'nprobe', 16)" in text
    assert text.startswith("# org/m at 24 dims, int8, IVF (nprobe=16), measured in faiss (1.2) among 400 vectors.\n")


@pytest.mark.parametrize("template", ["{dims:>999999999}", "{dims.__class__}", "x" * 201])
def test_a_template_of_a_strangers_run_is_not_evaluated(template: str) -> None:
    about, stored = run_of()
    about["config"]["index"]["flat"]["faiss"] = template
    with pytest.raises(UserError, match="factory string"):
        recipe_of(about, stored)
