"""How deep a measure looks into a ranking. Rankings end at ``top_k``, and a measure that would look on is another one.

ir_measures' own lists of parameters say which measures take a cutoff (its ``SUPPORTED_PARAMS``).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.errors import UserError

R_PRECISION = "Rprec"
OF_JUDGMENTS_ALONE = ("NumQ", "NumRel")
REASONS = {
    "Bpref": "it counts documents that are judged not relevant, of which most collections have few or none, and looks "
    "at the whole ranking",
    "infAP": "it stands for judgments that were sampled, and looks at the whole ranking",
}
WHOLE_RANKING = "it looks at the whole ranking, which ends at top_k={top_k}: its value would change with that"


def check_depth(name: str, measure: Any, top_k: int) -> None:
    """Raises UserError for a measure whose value depends on how deep rankings go, with the cutoff that mends it."""
    cutoff = measure.params.get("cutoff")
    if cutoff is not None and cutoff > top_k:
        raise UserError(f"{name} looks deeper than top_k={top_k}.", f"Set top_k={cutoff}.")
    if measure.params.get("judged_only"):
        reason = f"it reads on until enough documents are judged, but rankings end at top_k={top_k}"
        raise UserError(f"{name} is not measured: {reason}.", f"Leave out judged_only, as in nDCG@{top_k}.")
    if cutoff is not None or measure.NAME in (R_PRECISION, *OF_JUDGMENTS_ALONE):
        return
    reason = REASONS.get(measure.NAME, WHOLE_RANKING.format(top_k=top_k))
    has_cutoff = "cutoff" in measure.SUPPORTED_PARAMS
    hint = f"Say how deep: {measure(cutoff=top_k)}." if has_cutoff else f"Take one with a cutoff, as in nDCG@{top_k}."
    raise UserError(f"{name} is not measured: {reason}.", hint)


def check_relevant(
    measures: Mapping[str, Any], corpora: Sequence[tuple[str, Mapping[str, Mapping[str, int]]]], top_k: int
) -> None:
    """Raises UserError where a query of one of ``corpora`` (name, qrels) has more relevant documents than ``top_k``
    and a measure looks as deep as there are relevant ones.

    R-precision is the precision at R, the number of relevant documents (Manning, Raghavan and Schütze 2008, section
    8.4).
    """
    for measure_name, measure in measures.items():
        if measure.NAME != R_PRECISION:
            continue
        least = measure.params.get("rel", 1)
        for corpus, qrels in corpora:
            most = max(sum(grade >= least for grade in grades.values()) for grades in qrels.values())
            if most > top_k:
                raise UserError(
                    f"{measure_name} looks as deep as a query has relevant documents, in corpus '{corpus}' up to "
                    f"{most:,}, and rankings end at top_k={top_k}.",
                    f"Set top_k={most}, or take a measure with a cutoff, as in P@{top_k}.",
                )
