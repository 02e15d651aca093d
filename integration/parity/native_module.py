"""What is in `_bowstring._native` of a worker: functions, classes and their members, each with its parameters.

Runs on the interpreter of an environment. Prints JSON that `test_native_module.py` compares with `_native.pyi`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from in_worker import run_in_worker


def answer() -> str:
    """Runs in the worker."""
    import inspect
    import json

    native, _, _ = import_module("_bowstring._spark.hook").INSTALLED

    def parameters(function: Any) -> list[str]:
        """`name`, or `name=default`; without the object itself."""
        named = [each for each in inspect.signature(function).parameters.values() if each.name != "self"]
        return [each.name if each.default is each.empty else f"{each.name}={each.default!r}" for each in named]

    def members(kind: type) -> dict[str, Any]:
        # The constructor's parameters are those of the class.
        own = {"__new__": parameters(kind)} if "__new__" in vars(kind) else {}
        return own | {
            name: "property" if inspect.isdatadescriptor(member) else parameters(getattr(kind, name))
            for name, member in vars(kind).items()
            if not name.startswith("__") or name in ("__iter__", "__next__", "__call__", "__len__")
        }

    found = {name: value for name, value in vars(native).items() if not name.startswith("__")}
    classes = {name: value for name, value in found.items() if isinstance(value, type)}
    functions = {name: parameters(value) for name, value in found.items() if name not in classes}
    described = {name: members(kind) for name, kind in classes.items()}
    return json.dumps({"functions": functions, "classes": described})


if __name__ == "__main__":
    print(run_in_worker(sys.argv[1], answer))
