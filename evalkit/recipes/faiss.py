"""FAISS: its index_factory string with the parameters of the operating point, and the calls around them."""

import re

from evalkit.recipes.chosen import Chosen
from evalkit.recipes.introduction import contract_literal, python_text
from evalkit.recipes.literals import identifier, python
from evalkit.vectors.faiss_strings import FINER_COPIES, FaissString, faiss_string

PLACEHOLDERS = re.compile(r"(?:[^{}]|\{\w+\})*")
MOST_CHARACTERS = 200


def text(chosen: Chosen) -> str:
    """Raises UserError for an index that isn't described by a factory string."""
    string = factory_string(chosen)
    make, search = (make_binary, search_binary) if string.is_binary else (make_float, search_float)
    by_hand = RE_ORDER if has_finer_copy(chosen, string) else ""
    return python_text(chosen, head(chosen), make(chosen, string), search(chosen, string), by_hand)


def factory_string(chosen: Chosen) -> FaissString:
    quantization, index = chosen.quantization, chosen.index
    for template in (quantization.faiss, quantization.transform, index.faiss, index.binary):
        if len(template) > MOST_CHARACTERS or not PLACEHOLDERS.fullmatch(template):
            raise chosen.refused("its factory string can't be read")
    if not quantization.faiss or not index.faiss:
        raise chosen.refused("it has no factory string")
    return faiss_string(chosen.dims, chosen.vectors, quantization, index)


def head(chosen: Chosen) -> str:
    return f"import faiss\nimport numpy as np\n\n{contract_literal(chosen)}"


def has_finer_copy(chosen: Chosen, string: FaissString) -> bool:
    """Whether what codes find is re-ordered by hand: FAISS does it for float codes under inner product alone."""
    return chosen.quantization.rescore is not None and (string.is_binary or not is_inner_product(chosen))


def is_inner_product(chosen: Chosen) -> bool:
    return chosen.metric not in ("l2", "hamming")


def finer_copy(chosen: Chosen, width: int) -> str:
    store = chosen.quantization.rescore.store if chosen.quantization.rescore else ""
    if store not in FINER_COPIES:
        raise chosen.refused("its finer copy is not known")
    return f"faiss.index_factory({width}, {python(FINER_COPIES[store])}, faiss.METRIC_INNER_PRODUCT)"


def filled_up(string: FaissString, chosen: Chosen, name: str) -> str:
    """A line that fills vectors up with zeros to the width of the index; empty where they have it."""
    missing = string.width - chosen.dims
    return f"\n    {name} = np.pad({name}, ((0, 0), (0, {missing})))" if missing else ""


def make_float(chosen: Chosen, string: FaissString) -> str:
    metric = "METRIC_INNER_PRODUCT" if is_inner_product(chosen) else "METRIC_L2"
    lines = [f"index = faiss.index_factory({string.width}, {python(string.text)}, faiss.{metric})"]
    for name, value in chosen.parameters.items():
        lines.append(f"faiss.ParameterSpace().set_index_parameter(index, {python(name)}, {python(value)})")
    if chosen.quantization.rescore is not None and not has_finer_copy(chosen, string):
        lines.append(f"index = faiss.IndexRefine(index, {finer_copy(chosen, string.width)})")
        factor = f"{chosen.candidates}.5 / {chosen.serve_k}"
        lines.append(f"index.k_factor = {factor}  # of which FAISS takes the whole number below k times it")
    lines += ["index.train(vectors)", "index.add(vectors)", *fine_lines(chosen, string)]
    return making(chosen, lines, filled_up(string, chosen, "vectors"))


def make_binary(chosen: Chosen, string: FaissString) -> str:
    lines = ["codes = np.packbits(vectors > 0, axis=1)"]
    lines.append(f"index = faiss.index_binary_factory({string.width}, {python(string.text)})")
    owner = "index.hnsw" if "HNSW" in string.text else "index"
    lines += [f"{owner}.{identifier(name)} = {python(value)}" for name, value in chosen.parameters.items()]
    lines += ["index.train(codes)", "index.add(codes)", *fine_lines(chosen, string)]
    return making(chosen, lines, "")


def fine_lines(chosen: Chosen, string: FaissString) -> list[str]:
    """Those that fill the finer copy, where FAISS doesn't join it to the codes."""
    if not has_finer_copy(chosen, string):
        return ["return index"]
    width = chosen.dims if string.is_binary else string.width
    made = f"fine = {finer_copy(chosen, width)}"
    return [made, "fine.train(vectors)", "fine.add(vectors)", "return index, fine"]


def making(chosen: Chosen, lines: list[str], before: str) -> str:
    body = "".join(f"\n    {line}" for line in lines)
    return f'''\
def make(vectors):
    """``vectors``: n × {chosen.dims}, float32, of unit length."""{before}{body}'''


def search_float(chosen: Chosen, string: FaissString) -> str:
    return searching(chosen, string, "queries", filled_up(string, chosen, "queries"))


def search_binary(chosen: Chosen, string: FaissString) -> str:
    return searching(chosen, string, "np.packbits(queries > 0, axis=1)", "")


def searching(chosen: Chosen, string: FaissString, asked: str, before: str) -> str:
    """The call that asks for ``asked``, and re-orders what comes where that is done by hand."""
    if has_finer_copy(chosen, string):
        return f'''\
def search(index, fine, queries, k={chosen.serve_k}):
    """Inner products and row numbers, each queries × k, best first."""{before}
    rows = index.search({asked}, {chosen.candidates})[1]
    return re_ordered(fine, queries, rows, k)'''
    what = "Inner products" if is_inner_product(chosen) else "Distances (lower is better)"
    return f'''\
def search(index, queries, k={chosen.serve_k}):
    """{what} and row numbers, each queries × k, best first."""{before}
    return index.search({asked}, k)'''


RE_ORDER = '''\
def re_ordered(fine, queries, rows, k):
    """The best ``k`` of each query's ``rows`` by their finer copies."""
    vectors = fine.reconstruct_batch(np.maximum(rows, 0).ravel()).reshape(*rows.shape, -1)
    scores = np.einsum("qd,qcd->qc", queries, vectors)
    scores[rows < 0] = -np.inf
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, best, axis=1), np.take_along_axis(rows, best, axis=1)'''
