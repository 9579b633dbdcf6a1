"""Tiny random models of the architectures that conf/ names, laid out as their repositories on the hub are."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

NAMES = "sentence_transformers.models"  # as modules.json of most published models has them
LETTERS = [chr(code) for code in range(33, 127)]
WORDS = "red green blue apple pear house tree river stone cloud bird fish query passage the of and a to in".split()
CODE = ("nomic-ai/nomic-bert-2048", "1" * 40)


def repository(root: Path, name: str, commit: str, kind: str = "models") -> Path:
    """An empty commit with what is not to be fetched: weights of other programs."""
    folder = root / kind / name / commit
    for other in ("onnx/model.onnx", "flax_model.msgpack", "openvino/openvino_model.bin", "rust_model.ot"):
        (folder / other).parent.mkdir(parents=True, exist_ok=True)
        (folder / other).write_bytes(b"x" * 10_000)
    (folder / "README.md").write_text(f"# {name}\n")
    return folder


def copied(root: Path, name: str, commit: str, source: Path) -> Path:
    """The files of the folder ``source`` as a commit of ``name``."""
    folder = repository(root, name, commit)
    shutil.copytree(source, folder, dirs_exist_ok=True)
    return folder


def put(file: Path, content: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")


def wordpiece() -> Any:
    from tokenizers import BertWordPieceTokenizer

    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    return BertWordPieceTokenizer({piece: i for i, piece in enumerate(dict.fromkeys(pieces))})


def save_wordpiece(folder: Path) -> int:
    tokenizer = wordpiece()
    tokenizer.save(str(folder / "tokenizer.json"))
    tokenizer.save_model(str(folder))
    put(folder / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "do_lower_case": True})
    return int(tokenizer.get_vocab_size())


def save_unigram(folder: Path) -> int:
    """Laid out as XLM-R's: <s> 0, <pad> 1, </s> 2, <unk> 3, pieces, <mask>."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    scored = [(piece, 0.0) for piece in special]
    scored += [(f"\u2581{w}", -2.0) for w in WORDS] + [(letter, -9.0) for letter in ["\u2581", *LETTERS]]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.add_special_tokens([*special, "<mask>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    tokens = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "cls_token": "<s>", "sep_token": "</s>"}
    others = {"unk_token": "<unk>", "mask_token": "<mask>"}
    put(folder / "tokenizer_config.json", {"tokenizer_class": "XLMRobertaTokenizer", **tokens, **others})
    return tokenizer.get_vocab_size()


def sizes(width: int, vocabulary: int, positions: int) -> dict[str, Any]:
    layers = {"num_hidden_layers": 1, "num_attention_heads": width // 32, "intermediate_size": 32}
    return {"hidden_size": width, "vocab_size": vocabulary, "max_position_embeddings": positions, **layers}


def save_pipeline(folder: Path, width: int, pooling: str, positions: int, normalize: bool = True) -> None:
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), *([("2_Normalize", "Normalize")] if normalize else [])]
    rows = [{"idx": i, "name": str(i), "path": p, "type": f"{NAMES}.{kind}"} for i, (p, kind) in enumerate(kinds)]
    put(folder / "modules.json", rows)
    put(folder / "sentence_bert_config.json", {"max_seq_length": positions, "do_lower_case": False})
    put(folder / "config_sentence_transformers.json", {"__version__": {"sentence_transformers": "2.2.2"}})
    modes = {f"pooling_mode_{mode}": mode == pooling for mode in ("cls_token", "mean_tokens", "max_tokens")}
    put(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": width, **modes})


def bert(folder: Path, width: int, pooling: str = "mean_tokens") -> None:
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(3)
    BertModel(BertConfig(**sizes(width, save_wordpiece(folder), 512))).save_pretrained(folder)
    save_pipeline(folder, width, pooling, 512)


def bert_by_first_token(folder: Path, width: int) -> None:
    bert(folder, width, "cls_token")


XLM_ROBERTA: dict[str, Any] = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "type_vocab_size": 1}


def pickled_xlm_roberta(folder: Path, width: int) -> None:
    """As bge-m3 is: 8,192 positions behind the padding token's, and no safetensors."""
    import torch
    from transformers import XLMRobertaConfig, XLMRobertaModel

    shape = sizes(width, save_unigram(folder), 8194)
    model = XLMRobertaModel(XLMRobertaConfig(**shape, **XLM_ROBERTA))
    model.config.save_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    save_pipeline(folder, width, "cls_token", 8192)


def nomic(folder: Path, width: int) -> None:
    """A config that names code of another repository, which transformers has an architecture of its own for."""
    from transformers import NomicBertConfig, NomicBertModel

    NomicBertModel(NomicBertConfig(**sizes(width, save_wordpiece(folder), 2048))).save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    classes = {"AutoConfig": "configuration_nomic.NomicBertConfig", "AutoModel": "modeling_nomic.NomicBertModel"}
    put(folder / "config.json", {**config, "auto_map": {k: f"{CODE[0]}--{v}" for k, v in classes.items()}})
    save_pipeline(folder, width, "mean_tokens", 8192, normalize=False)


def clip(folder: Path, width: int) -> None:
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    put(folder / "modules.json", [{"idx": 0, "name": "0", "path": "0_CLIPModel", "type": f"{NAMES}.CLIPModel"}])
    inside = folder / "0_CLIPModel"
    inside.mkdir()
    pieces = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
    put(inside / "vocab.json", {piece: i for i, piece in enumerate(pieces)})
    (inside / "merges.txt").write_text("#version: 0.2\n")
    tokens = {"bos_token": "<|startoftext|>", **dict.fromkeys(("eos_token", "pad_token", "unk_token"), "<|endoftext|>")}
    put(inside / "tokenizer_config.json", {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, **tokens})
    last = len(pieces) - 1
    ids = {"bos_token_id": last - 1, "eos_token_id": last, "pad_token_id": last}
    layers = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 1}
    text = {**layers, "vocab_size": len(pieces), "max_position_embeddings": 77, **ids}
    vision = {**layers, "image_size": 224, "patch_size": 32}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=width)).save_pretrained(inside)
    CLIPImageProcessor().save_pretrained(inside)


def static(folder: Path, width: int) -> None:
    put(folder / "modules.json", [{"idx": 0, "name": "0", "path": "", "type": f"{NAMES}.StaticEmbedding"}])
    save_table(folder, "embedding.weight", width)


def model2vec(folder: Path, width: int) -> None:
    put(folder / "config.json", {"model_type": "model2vec", "architectures": ["StaticModel"], "normalize": True})
    save_table(folder, "embeddings", width)


def save_table(folder: Path, tensor: str, width: int) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    tokenizer = wordpiece()
    tokenizer.save(str(folder / "tokenizer.json"))
    table = np.random.default_rng(0).normal(size=(tokenizer.get_vocab_size(), width)).astype(np.float32)
    save_file({tensor: table}, folder / "model.safetensors")


def bert_reranker(folder: Path, width: int) -> None:
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(**sizes(width, save_wordpiece(folder), 512), num_labels=1)
    BertForSequenceClassification(config).save_pretrained(folder)


def xlm_roberta_reranker(folder: Path, width: int) -> None:
    from transformers import XLMRobertaConfig, XLMRobertaForSequenceClassification

    shape = sizes(width, save_unigram(folder), 8194)
    config = XLMRobertaConfig(**shape, **XLM_ROBERTA, num_labels=1)
    XLMRobertaForSequenceClassification(config).save_pretrained(folder)


BUILDERS: dict[str, Callable[[Path, int], None]] = {
    "BAAI/bge-small-en-v1.5": bert_by_first_token,
    "BAAI/bge-base-en-v1.5": bert_by_first_token,
    "BAAI/bge-m3": pickled_xlm_roberta,
    "intfloat/multilingual-e5-small": bert,
    "thenlper/gte-small": bert,
    "nomic-ai/nomic-embed-text-v1.5": nomic,
    "sentence-transformers/all-MiniLM-L6-v2": bert,
    "sentence-transformers/clip-ViT-B-32": clip,
    "sentence-transformers/static-retrieval-mrl-en-v1": static,
    "minishlab/potion-base-32M": model2vec,
    "minishlab/potion-retrieval-32M": model2vec,
    "cross-encoder/ms-marco-MiniLM-L6-v2": bert_reranker,
    "BAAI/bge-reranker-v2-m3": xlm_roberta_reranker,
}
