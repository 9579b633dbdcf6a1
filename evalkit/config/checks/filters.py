"""What the config of a filter alone can tell; which metadata there is, the corpora know."""

from evalkit.config.schema.filters import FilterConfig
from evalkit.config.schema.run import RunConfig
from evalkit.errors import UserError

CPU = "cpu"


def check_filter(config: RunConfig) -> None:
    """Raises UserError for two kinds of filters at once, values of no field, and filters that aren't searched there."""
    of = config.filter
    if of.field is not None and of.selectivity:
        raise UserError("filter has both field and selectivity.", "Give one of them, each in a run of its own.")
    if of.field is not None and not of.field.strip():
        raise UserError("filter.field is empty.", "Name metadata of the corpus, as in filter.field=lang.")
    if of.values and of.field is None:
        raise UserError("filter.values are of no field.", "Say of which: filter.field=<metadata of the corpus>.")
    if wrong := [value for value in of.values if isinstance(value, dict | list) or value is None]:
        raise UserError(f"filter.values has {wrong[0]}, which is no value.", "Give texts, numbers, true or false.")
    if of.seed != FilterConfig().seed and not of.selectivity:
        raise UserError("filter.seed is set, but no filter.selectivity.", "Give it, or leave out the seed.")
    if of.is_set and config.search_device != CPU:
        raise UserError(
            f"filters are searched on the CPU alone, not on {config.search_device}.",
            "Set search_device=cpu, or leave out filter.",
        )
