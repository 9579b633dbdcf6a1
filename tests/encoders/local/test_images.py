"""Images as documents: a model of images and texts gives sentence-transformers' own vectors, by the files' contents."""

import json
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from evalkit.__main__ import main
from evalkit.config import RuntimeConfig, SentenceTransformersModel
from evalkit.corpora import load_corpus
from evalkit.corpora.images import Image
from evalkit.encoders import Encoder, load_encoder
from evalkit.errors import UserError
from evalkit.results.reader import StoredRun, read_run, stored_runs

COLOURS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "white": (255, 255, 255),
    "grey": (90, 90, 90),
}


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers folder of a random CLIP of 16 dims, for images of 32 × 32 and texts of 16 tokens."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPProcessor, CLIPTokenizer, set_seed

    folder = tmp_path_factory.mktemp("clip")
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    vocabulary = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    pixels = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    ends = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    text = {**sizes, **ends, "vocab_size": len(vocabulary), "max_position_embeddings": 16, "projection_dim": 16}
    vision = {**sizes, "image_size": 32, "patch_size": 8, "projection_dim": 16}
    set_seed(5)
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)).save_pretrained(folder / "clip")
    CLIPProcessor(image_processor=pixels, tokenizer=tokenizer).save_pretrained(folder / "clip")
    model = SentenceTransformer(modules=[Transformer(str(folder / "clip"))], device="cpu")
    model.max_seq_length = 16
    model.save(str(folder / "model"), create_model_card=False)
    return folder / "model"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A BEIR folder of five coloured pictures, one of them in another format and mode, and a text among them."""
    folder = tmp_path / "pictures"
    (folder / "qrels").mkdir(parents=True)
    (folder / "images").mkdir()
    rows = []
    for name, colour in COLOURS.items():
        file = f"images/{name}.png" if name != "grey" else "images/grey.gif"
        picture = PIL.Image.new("RGB", (40, 60), colour)
        (picture.convert("P") if name == "grey" else picture).save(folder / file)
        rows.append({"_id": name, "image": file})
    rows.append({"_id": "text", "text": "a page of words"})
    queries = [{"_id": f"q-{name}", "text": name} for name in COLOURS]
    qrels = ["query-id\tcorpus-id\tscore", *(f"q-{name}\t{name}\t1" for name in COLOURS)]
    for file, lines in (("corpus.jsonl", map(json.dumps, rows)), ("queries.jsonl", map(json.dumps, queries))):
        (folder / file).write_text("\n".join(lines) + "\n")
    (folder / "qrels" / "test.tsv").write_text("\n".join(qrels) + "\n")
    return folder


def encoder(folder: Path, **runtime: str) -> Encoder:
    config = SentenceTransformersModel(name="tiny-clip", path=str(folder), native_dims=16)
    return load_encoder(config, RuntimeConfig(**{"kind": "torch", "device": "cpu", **runtime}))


def corpus(folder: Path) -> object:
    return load_corpus("pictures", {"source": "beir", "path": str(folder)})


def arguments(pictures: Path, tiny_clip: Path, tmp_path: Path) -> list[str]:
    places = [f"corpus.beir.path={pictures}", f"results_dir={tmp_path / 'results'}", f"store.path={tmp_path / 'store'}"]
    model = ["model=clip", f"model.path={tiny_clip}", "model.native_dims=16", "model.max_length=16"]
    return [*model, "corpus=beir", *places, "top_k=6", "measures=[R@1,nDCG@5]", "runtime.latency_calls=5"]


def run(settings: list[str], tmp_path: Path) -> StoredRun:
    assert main(settings) == 0
    return read_run(stored_runs(tmp_path / "results")[-1])


def test_images_and_texts_have_sentence_transformers_own_vectors(tiny_clip: Path, pictures: Path) -> None:
    from sentence_transformers import SentenceTransformer

    documents = corpus(pictures).documents
    encoded = encoder(tiny_clip).encode(list(documents.texts), "document")
    model = SentenceTransformer(str(tiny_clip), device="cpu")
    files = [*(pictures / "images" / f"{name}.png" for name in list(COLOURS)[:4]), pictures / "images" / "grey.gif"]
    expected = model.encode([PIL.Image.open(file).convert("RGB") for file in files])
    np.testing.assert_allclose(encoded.vectors[:5], expected, atol=1e-5)
    np.testing.assert_allclose(encoded.vectors[5], model.encode(["a page of words"])[0], atol=1e-5)
    assert encoded.tokens is None
    assert not encoded.truncated.any()


def test_a_run_finds_images_by_text(pictures: Path, tiny_clip: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    found = run([*arguments(pictures, tiny_clip, tmp_path), "dims=[8,16]", "quantization=[float32,int8]"], tmp_path)
    assert len(found.about["points"]) == 4
    model = SentenceTransformer(str(tiny_clip), device="cpu")
    images = [Image(pictures / "images" / f"{n}.{'gif' if n == 'grey' else 'png'}", "").pixels() for n in COLOURS]
    documents = np.vstack([model.encode(images), model.encode(["a page of words"])])
    documents /= np.linalg.norm(documents, axis=1, keepdims=True)
    query = model.encode("blue") / np.linalg.norm(model.encode("blue"))
    best_first = [[*COLOURS, "text"][row] for row in np.argsort(-(documents @ query))]
    rankings = found.rankings().query("dims == 16 and quantization == 'float32' and query_id == 'q-blue'")
    assert rankings["document_id"].tolist() == best_first
    point = found.about["points"][0]
    assert (point["tokens_per_document"], point["tokens_per_query"] > 0) == (None, True)
    assert "read images" in point["unmeasured"]["tokens_per_document"]
    assert point["documents_per_second"] > 0
    assert point["cost_embed_once_usd"] > 0


def test_an_image_is_what_is_in_its_file(pictures: Path, tiny_clip: Path, tmp_path: Path) -> None:
    """Moved, nothing is encoded again; one pixel changed, that corpus is another one."""
    first = run(arguments(pictures, tiny_clip, tmp_path), tmp_path)
    moved = shutil.move(pictures, tmp_path / "moved" / "pictures")
    again = run(arguments(Path(moved), tiny_clip, tmp_path), tmp_path)
    assert [e["cached"] for e in again.about["embeddings"]] == [True, True]
    assert again.about["corpora"][0]["fingerprint"] == first.about["corpora"][0]["fingerprint"]
    red = Path(moved) / "images" / "red.png"
    with PIL.Image.open(red) as picture:
        picture.putpixel((3, 3), (254, 0, 0))
        picture.save(red)
    changed = run(arguments(Path(moved), tiny_clip, tmp_path), tmp_path)
    assert [e["cached"] for e in changed.about["embeddings"]] == [False, True]
    assert changed.about["corpora"][0]["fingerprint"] != first.about["corpora"][0]["fingerprint"]


def test_the_same_image_twice_is_noted(pictures: Path) -> None:
    shutil.copy(pictures / "images" / "red.png", pictures / "images" / "white.png")
    assert [(f.check, f.examples) for f in corpus(pictures).findings] == [("duplicate_documents", ("white",))]


def test_a_table_may_name_images(pictures: Path) -> None:
    (pictures / "documents.csv").write_text("id,picture,text\nr,images/red.png,\nt,,some words\n")
    (pictures / "queries.csv").write_text("id,text\nq,red\n")
    (pictures / "qrels.csv").write_text("query_id,document_id,score\nq,r,1\n")
    files = {name: str(pictures / f"{name}.csv") for name in ("documents", "queries", "qrels")}
    documents = load_corpus("t", {"source": "table", **files, "document_image": "picture"}).documents
    assert isinstance(documents.texts[0], Image)
    assert list(documents.texts)[1] == "some words"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda file: file.unlink(), "corpus.jsonl line 2: .*green.png does not exist"),
        (lambda file: file.write_text("no picture"), "corpus.jsonl line 2: .*green.png is no image that can be read"),
    ],
    ids=["missing", "no image"],
)
def test_a_file_that_is_no_image_is_named_with_its_line(pictures: Path, spoil: object, said: str) -> None:
    spoil(pictures / "images" / "green.png")
    with pytest.raises(UserError, match=said):
        corpus(pictures)


def test_an_image_that_ends_early_is_named(pictures: Path, tiny_clip: Path) -> None:
    picture = PIL.Image.effect_noise((80, 80), 50).convert("RGB")
    file = pictures / "images" / "green.png"
    picture.save(file)
    file.write_bytes(file.read_bytes()[:2_000])
    with pytest.raises(UserError, match=r"green\.png is no image that can be read"):
        encoder(tiny_clip).encode(list(corpus(pictures).documents.texts), "document")


@pytest.mark.parametrize(
    ("settings", "reader"),
    [
        (["model=wordllama"], "wordllama (wordllama-l2-supercat-256)"),
        (["model=bm25"], "bm25"),
        (["stages=bm25"], "stages=bm25"),
        (["chunking=tokens"], "chunking=tokens"),
    ],
)
def test_what_reads_texts_alone_is_said(
    pictures: Path,
    tiny_clip: Path,
    tmp_path: Path,
    settings: list[str],
    reader: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    of_clip = arguments(pictures, tiny_clip, tmp_path)
    is_other_model = settings[0].startswith("model=")
    assert main([*settings, *(each for each in of_clip if not (is_other_model and each.startswith("model")))]) == 2
    assert f"pictures has images, and {reader} reads texts alone" in capsys.readouterr().err


def test_a_text_model_refuses_images(
    pictures: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [a for a in arguments(pictures, tiny_model, tmp_path) if not a.startswith("model")]
    assert main(["model=local", f"model.path={tiny_model}", *settings]) == 2
    assert "reads texts alone" in capsys.readouterr().err


def test_other_runtimes_say_that_they_read_no_images(tiny_clip: Path) -> None:
    pytest.importorskip("onnx")
    with pytest.raises(UserError, match="tiny-clip reads images, which runtime=onnx does not"):
        encoder(tiny_clip, kind="onnx").encode(["red"], "query")


def test_half_precision_is_verified_on_images(tiny_clip: Path, pictures: Path) -> None:
    verified = encoder(tiny_clip, precision="bf16").verify(list(corpus(pictures).documents.texts), "document")
    assert verified["smallest_cosine"] > 0.99
