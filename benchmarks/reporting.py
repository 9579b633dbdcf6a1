"""How every benchmark ends: a table for people, then one line of JSON for machines."""

import json
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table


def report(benchmark: str, rows: Sequence[Mapping[str, Any]], **facts: Any) -> None:
    """Print ``rows`` as a table and everything as one JSON object on the last line."""
    table = Table(title=benchmark)
    for name in rows[0]:
        table.add_column(name, justify="left" if isinstance(rows[0][name], str) else "right")
    for row in rows:
        table.add_row(*(f"{v:,.5g}" if isinstance(v, float) else str(v) for v in row.values()))
    Console(width=160).print(table)
    machine = {
        "cores": psutil.cpu_count(logical=False),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }
    print(json.dumps({"benchmark": benchmark, "machine": machine, **facts, "rows": list(rows)}))
