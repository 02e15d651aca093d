"""`_native.pyi` names what the binary has: every function, class and method, with its parameters and their defaults."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

from environments import ENVIRONMENTS, NEWEST, build_bowstring, make
from record_self_test import ask

HERE = Path(__file__).resolve().parent
STUBS = HERE.parent / "python" / "bowstring" / "_native.pyi"


def test_the_types_are_of_what_is_there() -> None:
    environment = ENVIRONMENTS[NEWEST]
    program = HERE / "parity" / "native_module.py"
    done = ask([make(environment), program, build_bowstring(environment.python)], {})
    assert done.returncode == 0, done.stderr[-3_000:]
    assert described(ast.parse(STUBS.read_text())) == json.loads(done.stdout)


def described(stubs: ast.Module) -> dict[str, Any]:
    """The same as the program prints, but for what is for type checkers only."""
    functions = {each.name: parameters(each) for each in stubs.body if isinstance(each, ast.FunctionDef)}
    classes = {
        each.name: {function.name: member(function) for function in each.body if isinstance(function, ast.FunctionDef)}
        for each in stubs.body
        if isinstance(each, ast.ClassDef) and "type_check_only" not in decorators(each)
    }
    return {"functions": functions, "classes": classes}


def member(function: ast.FunctionDef) -> list[str] | str:
    """Its parameters, if it has some."""
    return "property" if "property" in decorators(function) else parameters(function)


def parameters(function: ast.FunctionDef) -> list[str]:
    """`name`, or `name=default`; without the object itself."""
    names = [argument.arg for argument in function.args.args]
    defaults = [ast.unparse(default) for default in function.args.defaults]
    plain = len(names) - len(defaults)
    all_of_them = names[:plain] + [f"{name}={default}" for name, default in zip(names[plain:], defaults)]
    return [each for each in all_of_them if each not in ("self", "cls")]


def decorators(statement: ast.ClassDef | ast.FunctionDef) -> list[str]:
    return [ast.unparse(decorator) for decorator in statement.decorator_list]
