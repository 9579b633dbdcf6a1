"""The house stands as planned: every module in its room, no import upwards or in a circle, nothing too large."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

from tests.house import BEGIN, END, FLOOR_OF, FLOORS, ROOT, contributing_map, modules

PACKAGE = ROOT / "evalkit"
MODULES = sorted(PACKAGE.rglob("*.py"))
MOST_FLOORS, MOST_LINES, MOST_LINES_OF_THE_HALL = 8, 320, 80
KINDS = ("bm25", "lexical", "hosted", "faiss", "vectors", "encoder", "rerank", "fusion", "retrieval", "torch")


def imported(module: Path) -> set[str]:
    """Rooms that a module imports from, wherever in it."""
    nodes = list(ast.walk(ast.parse(module.read_text(encoding="utf-8"))))
    names = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    names |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("evalkit.")}


def room_of(module: Path) -> str:
    return module.relative_to(PACKAGE).with_suffix("").parts[0]


def test_the_plan_names_every_module() -> None:
    built = {str(m.relative_to(PACKAGE)) for m in MODULES if m.name != "__init__.py"}
    assert modules() == built


def test_the_map_is_the_plan() -> None:
    shown = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    assert shown == contributing_map(), "renew it: python -m tests.house"


def test_a_module_imports_only_from_its_room_and_the_floors_below_it() -> None:
    upwards = {}
    for module in MODULES:
        room = room_of(module)
        if room in FLOOR_OF:
            allowed = {name for name, floor in FLOOR_OF.items() if floor < FLOOR_OF[room]} | {room}
            upwards[str(module.relative_to(PACKAGE))] = imported(module) - allowed
    assert {name: rooms for name, rooms in upwards.items() if rooms} == {}


def test_there_are_few_floors_and_no_circles() -> None:
    assert len(FLOORS) <= MOST_FLOORS
    uses = {name: set[str]() for name in FLOOR_OF}
    for module in MODULES:
        if (room := room_of(module)) in uses:
            uses[room] |= imported(module) - {room}
    assert list(TopologicalSorter(uses).static_order())


def test_no_file_is_too_long_to_be_read_in_one_go() -> None:
    lines = {str(m.relative_to(PACKAGE)): len(m.read_text(encoding="utf-8").splitlines()) for m in MODULES}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}


def test_the_main_hall_is_one_page_and_names_no_kind() -> None:
    hall = (PACKAGE / "pipeline.py").read_text(encoding="utf-8")
    assert len(hall.splitlines()) <= MOST_LINES_OF_THE_HALL
    code = hall.lower()
    assert [kind for kind in KINDS if kind in code] == []


def test_tests_mirror_the_rooms() -> None:
    folders = {m.parent.relative_to(PACKAGE) for m in MODULES if len(m.relative_to(PACKAGE).parts) > 1}
    rooms = {folder.parts[0] for folder in folders}
    assert sorted(room for room in rooms if not list((ROOT / "tests" / room).rglob("test_*.py"))) == []
