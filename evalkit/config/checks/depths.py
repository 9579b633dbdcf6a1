"""How deep a run's settings look into rankings, which end at ``top_k``: all that look deeper are told at once."""

import re
from collections.abc import Mapping

from evalkit.config.schema.run import RunConfig
from evalkit.config.schema.stages import StageConfig
from evalkit.errors import UserError

CUTOFF = re.compile(r"@([0-9]+)$")


def check_depths(config: RunConfig, stages: Mapping[str, StageConfig]) -> None:
    """Raises UserError with every setting that looks deeper than ``top_k``, and how each would be written."""
    top_k = config.top_k
    measures = {name: int(found[1]) for name in config.measures if (found := CUTOFF.search(name))}
    deeper = {name: depth for name, depth in measures.items() if depth > top_k}
    numbers = {f"stages.{name}.depth": getattr(stage, "depth", 0) for name, stage in stages.items()}
    numbers["serve_k"] = config.served
    too_large = {name: depth for name, depth in numbers.items() if depth > top_k}
    named = [*deeper, *(f"{name}={depth}" for name, depth in too_large.items())]
    if not named:
        return
    changes = [f"{name}={top_k}" for name in too_large]
    if deeper:
        cut = dict.fromkeys(CUTOFF.sub(f"@{top_k}", name) if name in deeper else name for name in config.measures)
        changes.insert(0, f"'measures=[{','.join(cut)}]'")
    listed = " and ".join(filter(None, (", ".join(named[:-1]), named[-1])))
    deepest = max([*deeper.values(), *too_large.values()])
    raise UserError(
        f"{listed} look{'' if named[1:] else 's'} deeper than top_k={top_k}.",
        f"Set top_k={deepest}, or keep it and write {' '.join(changes)}.",
    )
