"""The points of a stored run as files to paste from: SQL or Python for each, and the contract beside it."""

from collections.abc import Iterator
from pathlib import Path

from evalkit.errors import UserError, say
from evalkit.recipes.recipe import Recipe, recipe_of
from evalkit.results.exports import different, file_name, setting_parts
from evalkit.results.reader import StoredRun
from evalkit.results.setting import KEY, Key
from evalkit.system.files import write_text


def export_ddl(run: StoredRun, folder: Path) -> Iterator[Path]:
    """``<corpus>.<dims>.<quantization>.<index>.sql`` or ``.py`` per point, and ``….json`` with its contract.

    Points that have no text are left out, which is told once for each reason.
    """
    recipes: dict[Key, Recipe] = {}
    left_out: dict[str, int] = {}
    for point in run.about["points"]:
        try:
            recipes[tuple(point[name] for name in KEY)] = recipe_of(run.about, point)
        except UserError as error:
            left_out[error.problem] = left_out.get(error.problem, 0) + 1
    for reason, points in left_out.items():
        say(f"ddl: {points} {'point is' if points == 1 else 'points are'} left out: {reason}")
    settings = {key: setting_parts(dict(zip(KEY, key, strict=True))) for key in recipes}
    names = different({key: (file_name(*parts.values()),) for key, parts in settings.items()})
    for key, recipe in recipes.items():
        (name,) = names[key]
        for ending, text in ((recipe.ending, recipe.text), ("json", recipe.contract)):
            file = folder / f"{name}.{ending}"
            file.parent.mkdir(parents=True, exist_ok=True)
            write_text(file, text)
            yield file
