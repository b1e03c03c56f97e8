"""Which part of the project may import which, and a checker that reads the sources."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

# Single files that know nothing of the rest, for every part with a process to run.
_BASE = {"hotslot.logs", "hotslot.settings", "hotslot.supervision"}
_LEDGER = {"hotslot.ledger", "hotslot.domain", *_BASE}

PARTS: dict[str, set[str]] = {
    **{part: set() for part in _BASE},
    "hotslot.domain": set(),
    "hotslot.ledger": {"hotslot.domain", *_BASE},
    "projections": _LEDGER,
    "hotslot.licensefiles": {"hotslot.domain"},
    # It is used where nothing else of Hotslot is.
    "hotslot.client": set(),
    "hotslot.leases": {"hotslot.licensefiles", *_LEDGER},
    "hotslot.checkpoints": {"projections", "hotslot.licensefiles", *_LEDGER},
    "hotslot.api": {
        "projections",
        "hotslot.licensefiles",
        "hotslot.leases",
        "hotslot.checkpoints",
        *_LEDGER,
    },
    # An instance knows the backend by its API alone: nothing of the ledger is in its reach.
    "hotslot.node": {"hotslot.client", "hotslot.licensefiles", "hotslot.domain"},
    "hotslot.cli": {
        "hotslot.api",
        "projections",
        "hotslot.licensefiles",
        "hotslot.leases",
        "hotslot.checkpoints",
        "hotslot.client",
        "hotslot.node",
        *_LEDGER,
    },
    "hotslot.__main__": {"hotslot.cli"},
    "hotslot.__init__": set(),
    # An auditor need not trust the rest, nor install it.
    "hotslot_verify": set(),
}
"""Each part, and the parts that it may import besides itself."""

PURE = {
    "__future__",
    "abc",
    "base64",
    "collections",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "hashlib",
    "hmac",
    "itertools",
    "json",
    "math",
    "msgspec",
    "operator",
    "re",
    "string",
    "types",
    "typing",
}
"""What the domain may import: no I/O, no clock, no chance, no framework."""

STANDALONE = {*sys.stdlib_module_names, "cryptography"}
"""What the auditor's program may import."""

CLOCKS = {"now", "utcnow", "today"}
"""The ways to read a clock that `datetime`, which the domain needs for its types, offers."""


def violations(root: Path) -> list[str]:
    """Every import below `root`/src/hotslot and `root`/projections that points the wrong way."""
    return [
        f"{path.relative_to(root)}:{line}: {complaint}"
        for path, module in _modules(root)
        for line, complaint in _complaints(module, ast.parse(path.read_text("utf-8")), path)
    ]


def _modules(root: Path) -> Iterator[tuple[Path, str]]:
    packages = (root / "src", "hotslot"), (root / "src", "hotslot_verify"), (root, "projections")
    for source, package in packages:
        for path in sorted((source / package).rglob("*.py")):
            yield path, ".".join(path.relative_to(source).with_suffix("").parts)


def _complaints(module: str, tree: ast.Module, path: Path) -> Iterator[tuple[int, str]]:
    part = part_of(module)
    if part is None:
        yield 1, f"{module} belongs to no part that tests/project/layers.py knows"
        return
    for line, imported in _imports(module, tree, is_package=path.stem == "__init__"):
        target = part_of(imported)
        if imported.split(".")[0] in ("hotslot", "hotslot_verify", "projections"):
            # Whoever imports anything of `hotslot` runs its `__init__`, which imports nothing.
            if target not in {part, "hotslot.__init__"} | PARTS[part]:
                yield line, f"{part} must not import {imported}"
        elif imported.split(".")[0] in ("tests", "bench", "docs"):
            yield line, f"{part} must not import {imported}"
        elif part == "hotslot.domain" and imported.split(".")[0] not in PURE:
            yield line, f"the domain must stay pure, but imports {imported}"
        elif part == "hotslot_verify" and imported.split(".")[0] not in STANDALONE:
            yield line, f"the auditor's program must stand alone, but imports {imported}"
    if part == "hotslot.domain":
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in CLOCKS:
                yield node.lineno, f"the domain must not read a clock: .{node.attr}"
            elif isinstance(node, ast.Name) and node.id in ("open", "print", "input"):
                yield node.lineno, f"the domain must do no I/O: {node.id}"


def part_of(module: str) -> str | None:
    """The part that a dotted name lies in."""
    if module == "hotslot":
        return "hotslot.__init__"
    return next((part for part in PARTS if f"{module}.".startswith(f"{part}.")), None)


def _imports(module: str, tree: ast.Module, *, is_package: bool) -> Iterator[tuple[int, str]]:
    """Every imported module by its full name, wherever in the file the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                drop = node.level - 1 if is_package else node.level
                own = module.removesuffix(".__init__").split(".")
                base = ".".join([*own[: len(own) - drop], *base.split(".")]).rstrip(".")
            for alias in node.names:
                is_part = base in ("hotslot", "") and not alias.name.startswith("__")
                yield node.lineno, f"{base}.{alias.name}" if is_part else base
        elif isinstance(node, ast.Call) and _is_dynamic(node.func):
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield node.lineno, argument.value


def _is_dynamic(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in ("import_module", "__import__")
