"""Which serializers PySpark's worker has for each kind of UDF that is fed Arrow, but for table functions.

Runs on the interpreter of an environment and asks stock's daemon. Prints names of classes by number of kind as JSON:
`integration/surface/roots.py` has them in a table.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import callers
import driver
from driver import STOCK_DAEMON, Side

from fakejvm.task_bytes import ARROW_TABLE_UDTF, ARROW_UDTF, KINDS


def tell() -> Any:
    """Ends the task with the classes of what PySpark's main loop reads with and writes with."""
    import sys

    frame, found = sys._getframe(), set()
    while frame is not None:
        if frame.f_code.co_name in ("main", "process", "invoke_udf"):
            names = frame.f_locals.keys() & {"serializer", "deserializer"}
            found |= {type(frame.f_locals[name]).__name__ for name in names}
        frame = frame.f_back
    raise RuntimeError("serialized by: " + " ".join(sorted(found)))


def main() -> None:
    """Asks about every kind of this Spark line."""
    callers.stack = tell
    for module in (callers, sys.modules[__name__]):
        driver.by_value(module)
    found = {}
    side = Side([sys.executable, "-c", STOCK_DAEMON])
    try:
        for number, kind in KINDS.items():
            arrow = kind.framing != "pickles" and number not in (ARROW_TABLE_UDTF, ARROW_UDTF)
            if arrow and kind.known_to(driver.DIALECT):
                answer = side.run(callers.case(number).encode())
                names = re.search("RuntimeError: serialized by: (.+)", answer.traceback or "")
                if names is None:
                    raise SystemExit(f"{kind.name}: {answer.traceback or answer.failure or 'no error'}")
                found[number] = names[1].split()
    finally:
        side.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
