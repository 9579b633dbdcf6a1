"""Which results tell most, for every medium that can't show all of them."""

from evalkit.gate.decision import Decision, open_question


def worst_quality_first(decision: Decision) -> list[int]:
    """The places of all comparisons: of drops that are shown, of open questions, of the rest; each by rising p."""

    def worth(place: int) -> tuple[bool, bool, float, float]:
        q = decision.quality[place]
        return not q.drop_is_shown, not open_question(q, decision.policy), q.p_drop, q.evidence.mean

    return sorted(range(len(decision.quality)), key=worth)


def worst_resources_first(decision: Decision) -> list[int]:
    """The places of all figures: beyond their limits first, then by how much worse they are."""
    results = decision.resources
    return sorted(range(len(results)), key=lambda i: (not results[i].exceeds, -(results[i].worsening or 0)))
