"""``runtime=auto`` of a run: one runtime for all its models and corpora, chosen when that pays."""

from collections.abc import Sequence
from typing import cast

from filelock import FileLock

from evalkit.config import RuntimeConfig
from evalkit.embeddings.forecast import passes_to_make
from evalkit.encoders.local.auto_runtime import (
    MOST_SAMPLED,
    RANKS,
    THIS_MACHINE,
    candidates,
    is_open,
    name_of,
    named_runtime,
    remembered_choice,
    timed_choice,
    under,
)
from evalkit.encoders.local.sentence_transformers import SentenceTransformersEncoder
from evalkit.errors import say
from evalkit.tasks.models import EncodingModel
from evalkit.tasks.task import Data, Model

LOCK = "runtime.lock"  # of ranks, in the store that they share
FEW_TEXTS = 300  # are encoded by PyTorch before a choice is made

Work = Sequence[tuple[EncodingModel, Sequence[Data]]]


def use_one_runtime(read: Sequence[tuple[Model, Sequence[Data]]]) -> None:
    """Give the models that leave their runtime open the same one; ``read`` is what each of them reads.

    A choice that was made before serves any run. Without one, vectors that are stored are taken under the runtime that
    made them, and few texts are encoded by PyTorch; for more, the candidates are timed.
    """
    work = [
        (model, data)
        for model, data in read
        if isinstance(model, EncodingModel) and is_open(model.model, model.config.runtime)
    ]
    if not work:
        return
    first = work[0][0]
    if (first.config.world_size or 1) == 1:
        choose(work, THIS_MACHINE)
        return
    first.store.path.mkdir(parents=True, exist_ok=True)
    with FileLock(first.store.path / LOCK):  # who comes later finds what the first has chosen
        choose(work, RANKS)


def choose(work: Work, whose: str) -> None:
    """The same runtime for all models, as it was chosen for ``whose`` runs before, or is now."""
    first = work[0][0]
    encoder, runtime, folder = open_encoder(first), first.config.runtime, first.store.path
    usual = remembered_choice(encoder, runtime, folder, whose)
    default = usual or named_runtime(runtime)
    missing = use(work, default)
    if not missing:
        return
    others = [choice for choice in candidates(runtime) if choice != default]
    if stored := next((choice for choice in others if not use(work, choice)), None):
        say(f"evalkit: runtime=auto takes {name_of(stored)}, under which all vectors are stored")
        return
    use(work, default)
    if usual:
        say(f"evalkit: runtime=auto takes {name_of(usual)}, as chosen before")
    elif missing >= FEW_TEXTS and len(candidates(runtime)) > 1:
        chosen = timed_choice(encoder, runtime, sample(work), folder, whose, is_kept=not first.config.is_dry)
        first.encoder = chosen
        use(work, chosen.runtime)


def open_encoder(model: EncodingModel) -> SentenceTransformersEncoder:
    """The encoder of a model whose runtime is open: there is but one kind of these."""
    return cast("SentenceTransformersEncoder", model.encoder)


def use(work: Work, runtime: RuntimeConfig) -> int:
    """Put all models under ``runtime``; gives how many texts are not stored under it."""
    missing = 0
    for model, data in work:
        if open_encoder(model).runtime != runtime:
            model.encoder = under(open_encoder(model), runtime)
        passes = passes_to_make(model.store, model.encoder, [(each.corpus, each.chunks) for each in data])
        missing += sum(len(each.rows) for each in passes)
    return missing


def sample(work: Work) -> list[str]:
    """Documents of the largest corpus, evenly spaced."""
    texts = max((each.chunks.texts for _, data in work for each in data), key=len)
    return [texts.texts[row] for row in range(0, len(texts), max(1, len(texts) // MOST_SAMPLED))][:MOST_SAMPLED]
