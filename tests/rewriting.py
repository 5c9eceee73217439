"""Sources written anew: other comments, docstrings and formatting, the same program."""

import ast
from pathlib import Path


def rewrite(folder: Path) -> int:
    """Rewrites every Python file below `folder`; returns how many. No line stays as it was but by chance."""
    files = sorted(folder.rglob("*.py"))
    for file in files:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                if ast.get_docstring(node, clean=False) is not None:
                    del node.body[0]
                node.body.insert(0, ast.Expr(ast.Constant("Edited docstring.")))
        lines = ast.unparse(tree).splitlines()
        file.write_text("# Edited comment.\n\n\n" + "\n".join(lines) + "\n\n\n# The end.\n", encoding="utf-8")
    return len(files)
