"""The digest of what a script can run: which files count, which edits count, the same under every Python."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from rewriting import rewrite

from normreg.errors import NormregError
from normreg.report import registry
from normreg.training import state
from normreg.utils import code
from normreg.utils.code import Sources, canonical

NETWORKS = "normreg/models/networks.py"  # its readers also depend on the files of networks

# Text that Pythons parse into slightly different trees, or print differently, stands here on purpose. Do not reformat.
SAMPLE = r'''"""Docstring of the module."""
from __future__ import annotations
import os.path as path, sys
from collections import (abc, OrderedDict as Ordered)

LIMITS: dict[str, int | None] = {"a": 1_000, **{}, 'b': 0xff, "c": None}
NUMBERS = 1e-05, 1.5E300, 1e999, -0.0, 3j, 2.5e-8j, 10**20, True, ...
TEXTS = u"u", b"\x00\xff'", rb"\d", "é \U0001fae8 \ud800 \x7f", "a" 'b' "c", ""
global_counter = 0


@decorator(key=lambda x, *, y=(1, 2), z=...: x[y:z:2])
class Thing(Base, metaclass=Meta):
    """Docstring of a class."""

    field: list[int] = []
    "a docstring of a field"

    def method(self, a, /, b: int | str = 1, *args: int, c=None, d, **kwargs) -> None | Thing:
        """Docstring of a function."""
        global global_counter
        def inner():
            nonlocal a
            a += 1
        if (n := len(args)) > 10 and not a or b is not None: return f"{n}"
        elif a: pass
        else: del kwargs["x"], args
        return *args, -a @ ~b // 2 ** 3 % 4 << 1

    def only_a_docstring(self):
        """Nothing else."""

    async def wait(self):
        async with self.lock as held, other: await held
        async for _ in self: yield _
        return_value = [x async for x in self if x if not x]


def texts(x, width, places):
    plain = f"", f"no value", "a" f"b{x}" "c" f"", f"{x}" '' f"{x!s}", rf"\d{x}\n"
    spec = f"{x:}", f"{x!r:>{width}}", f"{x:{width}.{places}f}", f"{x:%H:%M}", f"{x:{width}}", f"{x:{{}}}"
    debug = f"{x=}", f"{x = !r:^{width}}", f"a{x=}b", f"{{{x}}}"
    nested = f"{f'{x!a}' + 'y'}", f"{ {1: 2}[1] }", f"{(lambda: 1)()}", f"""a
{x}"""
    return plain, spec, debug, nested, {k: v for k, v in ()}, {1, *x}, (yield), (i for i in x)


def control(command):
    match command:
        case {"kind": str(kind), **rest} if kind: ...
        case [1, -2.5, 3 + 4j, *_] | (None | True): raise ValueError("x") from None
        case Point(x=0, y=[a, *b]) as point: assert point, f"{b}"
        case "a" "b" | Color.RED | _: pass
    for i, (j, *k) in enumerate([]):
        while i < j <= 3: break
        else: continue
    try:
        with (open("a") as a, open("b")): pass
    except* (OSError, ValueError) as error: pass
    else: x[..., 1:2, ::3] = y = 1 if 2 else 3
    finally: print("ü", end="", *[], **{})
'''
GOLDEN = "sample.py 1e81f7656de31b8b"


@pytest.fixture
def package(tmp_path):
    """A package `normreg` with modules that import each other in every way the project uses."""
    files = {
        "normreg/__init__.py": "",
        "normreg/a.py": "from normreg import b\nimport numpy",
        "normreg/b.py": "from normreg.c import thing",
        "normreg/c.py": "thing = 1",
        "normreg/unused.py": "",
        "normreg/inner/__init__.py": "from normreg.inner import one",
        "normreg/inner/one.py": "import normreg.c",
        "normreg/inner/two.py": "",
        "direct.py": "from normreg import a",
        "late.py": "def main():\n    from normreg.inner import one",
        "alone.py": "import os",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.fixture(scope="module")
def scripts(root) -> Path:
    return root / "workflow/scripts"


def text_of(source: str) -> str:
    return canonical(ast.parse(source))


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("alone.py", set()),
        ("direct.py", {"__init__.py", "a.py", "b.py", "c.py"}),
        ("late.py", {"__init__.py", "inner/__init__.py", "inner/one.py", "c.py"}),
    ],
)
def test_follows_every_import(package, script, expected):
    assert set(Sources(package).closure(script)) == {script} | {f"normreg/{name}" for name in expected}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import os\ndef f(:\n", r"normreg/a\.py, line 2: invalid syntax\. Correct this file"),
    ],
)
def test_a_file_that_cannot_be_followed_is_named(package, text, message):
    (package / "normreg/a.py").write_text(text)
    with pytest.raises(NormregError, match=message):
        Sources(package).digest("direct.py")


SLOW = ("evaluate", "make_items", "prepare_data")  # what they import stands in the others too


@pytest.mark.parametrize("script", ["train", *(pytest.param(script, marks=pytest.mark.slow) for script in SLOW)])
def test_holds_every_module_python_imports(scripts, script):
    """Runs the script's own import statements and asks Python which modules were loaded."""
    lines = (scripts / f"{script}.py").read_text().splitlines()
    imports = "\n".join(line.strip() for line in lines if line.strip().startswith(("import ", "from ")))
    tell = "import sys; print(*(m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'normreg'), sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", f"{imports}\n{tell}"], cwd=scripts, capture_output=True, text=True, check=True
    )
    loaded = {Path(line).relative_to(scripts).as_posix() for line in done.stdout.splitlines()}
    assert len(loaded) > 3
    assert loaded <= set(Sources(scripts).closure(f"{script}.py"))


# Modules that training imports and that decide no number. What a person can see in them is in the identity of a run, in
# a digest of the data, or in the log.
NOT_NUMBERS = ("analysis/run_tables.py", "config/", "data/dataset.py", "data/specs.py", "engines/contract.py")
NOT_NUMBERS += ("settings/", "training/checkpoint.py", "utils/")


def deciding(scripts: Path) -> dict[str, list[Path]]:
    """For each engine the files that its digest reads."""
    found: dict[str, list[Path]] = {}
    for engine in code.NUMBERS:
        sources, read = Sources(scripts), set()
        original = sources._read
        sources._read = lambda name, read=read, original=original: read.add(name) or original(name)  # type: ignore
        sources.training(engine)
        found[engine] = [scripts / name for name in sorted(read)]
    return found


def test_every_module_that_training_imports_is_known_to_decide_numbers_or_not(scripts):
    """A new module fails here: it belongs into `code.NUMBERS`, or into the list above."""
    read = {path for paths in deciding(scripts).values() for path in paths}
    for name in Sources(scripts).closure("train.py"):
        inside = name.removeprefix("normreg/")
        other = name == "train.py" or inside.endswith("__init__.py") or inside.startswith(NOT_NUMBERS)
        other = other or inside.startswith(code._PLUMBING)
        assert other != (scripts / name in read) or inside.endswith("__init__.py"), name


class Reword(ast.NodeTransformer):
    """Changes every text in a `raise` and in a line of the log."""

    def _texts(self, node):
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                part.value += " edited"
        return node

    visit_Raise = _texts  # noqa: N815

    def visit_Expr(self, node):
        named = isinstance(node.value, ast.Call) and ast.unparse(node.value.func).startswith("log.")
        return self._texts(node) if named else self.generic_visit(node)


def test_messages_retrain_nothing_and_a_number_in_each_deciding_module_does(scripts):
    """And no engine's digest reads the code of another one."""
    engines = deciding(scripts)
    assert not [path for path in engines["torch"] if "numba" in path.as_posix()]
    assert not [path for path in engines["numba"] if path.name == "pytorch.py"]
    changed = 0
    for path in {path for paths in engines.values() for path in paths}:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        before = canonical(tree)
        assert canonical(Reword().visit(tree)) == before, path
        numbers = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and type(n.value) in (int, float)]
        if numbers:
            numbers[0].value += 1
            changed += 1
            assert canonical(tree) != before, path
    assert changed > 20


def test_the_digest_is_the_same_under_every_python(tmp_path):
    (tmp_path / "sample.py").write_text(SAMPLE, encoding="utf-8")
    assert Sources(tmp_path).digest("sample.py") == GOLDEN


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "# comment\n\nx=(1) # more\n"),
        ('def f():\n    """One."""\n    return 1', "def f(): return 1"),
        ('class A(B):\n    """One."""', "class A(B):\n    pass"),
        ('"""Module."""\nx: int = 1\n"""Of x."""', "x: int = 1"),
        ("x = 'a' \"b\"", 'x = "ab"'),
        ("x = [\n  1,\n  2,\n]", "x = [1, 2]"),
        ("if a:\n  b()\nelse:\n  if c:\n    d()", "if a:\n b()\nelif c:\n d()"),
        ("raise A('x', b) from c", "raise A(f'{y}') from c"),
        ("def f():\n    log.info('%s', x)\n    return 1", "def f(): return 1"),
        ("x = 1_000, 0xff, 1e-5", "x = (1000, 255, 0.00001)"),
    ],
)
def test_comments_docstrings_and_formatting_do_not_count(one, other):
    assert text_of(one) == text_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 2"),
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 1", "y = 1"),
        ("x = 1", "x: int = 1"),
        ("x = 'a'", "x = b'a'"),
        ("x = 'None'", "x = None"),
        ("x = ['', 'a']", "x = ['a']"),
        ("x = [None]", "x = []"),
        ("x = f'{y}'", "x = f'{y!r}'"),
        ("x = f'{y:2}'", "x = f'{y:3}'"),
        ("x = a - b - c", "x = a - (b - c)"),
        ("x[1:]", "x[:1]"),
        ("f(a=1)", "f(b=1)"),
        ("f(*a)", "f(**a)"),
        ("def f(a, b=1): g()", "def f(a, *, b=1): g()"),
        ("def f(*, a, b=1): g()", "def f(*, a=1, b): g()"),
        ("def f(): g()", "async def f(): g()"),
        ("def f(): g()", "def f() -> int: g()"),
        ("def f(): g()", "@h\ndef f(): g()"),
        ("a()\nb()", "b()\na()"),
        ("if a:\n  b()\nc()", "if a:\n  b()\n  c()"),
        ("try: a()\nexcept B: c()", "try: a()\nexcept* B: c()"),
        ("raise A('x')", "raise B('x')"),
        ("log.info('x')", "print('x')"),
        ("x = log.info('x')", "x = log.info('y')"),
        ("match a:\n  case 1: b()", "match a:\n  case -1: b()"),
        ("match a:\n  case None: b()", "match a:\n  case True: b()"),
        ("from a import b", "from a import b as c"),
        ("print('x')", "'x'"),
    ],
)
def test_what_the_code_does_counts(one, other):
    assert text_of(one) != text_of(other)


def test_every_script_keeps_its_digest_when_all_comments_docstrings_and_formatting_change(scripts, tmp_path):
    shutil.copytree(scripts, tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    assert rewrite(tmp_path / "scripts") > 100
    before, after = Sources(scripts), Sources(tmp_path / "scripts")
    for script in scripts.glob("*.py"):
        assert after.digest(script.name) == before.digest(script.name)


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("normreg/c.py", {"direct.py", "late.py"}),
        ("normreg/inner/one.py", {"late.py"}),
        ("normreg/unused.py", set()),
        ("alone.py", {"alone.py"}),
    ],
)
def test_an_edit_changes_the_digests_of_the_scripts_that_reach_it(package, file, changed):
    names = ("alone.py", "direct.py", "late.py")
    before = Sources(package)
    old = {name: before.digest(name) for name in names}
    stat = (package / file).stat()
    (package / file).write_text("import normreg.c\nthing = 2")
    os.utime(package / file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    after = Sources(package)
    assert {name for name in names if after.digest(name) != old[name]} == changed


@pytest.mark.parametrize(
    ("name", "retrained"),
    [
        ("normreg/training/objective.py", {"numba", "torch"}),
        ("normreg/models/layers.py", {"numba", "torch"}),
        ("normreg/engines/numba_cpu/optimiser.py", {"numba"}),
        ("normreg/engines/pytorch.py", {"torch"}),
        ("normreg/config/factors.py", set()),
        ("normreg/config/study_files.py", set()),
        ("normreg/utils/jobs.py", set()),
        ("normreg/engines/select.py", set()),
        ("normreg/report/html.py", set()),
    ],
)
def test_a_statement_more_retrains_what_it_decides(scripts, tmp_path, name, retrained):
    copied = tmp_path / "scripts"
    shutil.copytree(scripts, copied, ignore=shutil.ignore_patterns("__pycache__"))
    (copied / name).write_text(f"{(copied / name).read_text()}\nedited = 1\n")
    before, after = Sources(scripts), Sources(copied)
    assert {engine for engine in code.NUMBERS if after.training(engine) != before.training(engine)} == retrained


def test_what_is_remembered_of_sources_gives_the_same_digests(package, tmp_path, monkeypatch):
    """From a file of another process; after an edit; with a file that is damaged or made by other code."""
    memory = tmp_path / "memory/sources.json"
    before = Sources(package).digest("direct.py")
    assert Sources(package, memory=memory).digest("direct.py") == before
    with monkeypatch.context() as patched:
        patched.setattr(ast, "parse", None)  # nothing is parsed again
        assert Sources(package, memory=memory).digest("direct.py") == before
    for spoil in (
        lambda text: text[: len(text) // 2],
        lambda _: "[]",
    ):
        memory.write_text(spoil(memory.read_text()))
        assert Sources(package, memory=memory).digest("direct.py") == before
    (package / "normreg/c.py").write_text("thing = 2")
    edited = Sources(package, memory=memory).digest("direct.py")
    assert edited == Sources(package).digest("direct.py") != before
    (package / "normreg/c.py").write_text("thing = 1")
    memory.parent.chmod(0o500)
    assert Sources(package, memory=memory).digest("direct.py") == Sources(package).digest("direct.py")


def test_every_rule_carries_the_digest_of_its_own_code_and_the_networks_it_can_read(root, scripts):
    sources, seen = Sources(scripts), set()
    text = "\n" + "".join(file.read_text() for file in (root / "workflow/rules").glob("*.smk"))
    for rule in re.split("\n(?:rule|checkpoint) ", text)[1:]:
        name, script = rule.partition(":")[0], re.search(r'"\.\./scripts/(\w+\.py)"', rule).group(1)
        seen.add(script)
        own = script in ("train.py", "prepare_data.py")  # their results say which code made them
        modules = registry.modules(name)
        listed = f', *registry.modules("{name}")' if modules else ""
        carried = f'get_code("{script}"{listed}),'
        assert (carried in rule) != own, name
        assert "changed=" in rule or name == "evaluate"
        if NETWORKS in sources.closure(script, *modules):  # the identity of a run covers its network
            assert re.search(r"^        (networks?=|identity=|study=get\w*\(get_facts\))", rule, re.M), name
        assert (script == "make_items.py") == bool(modules)
    assert seen == {path.name for path in scripts.glob("*.py")}


def test_the_state_of_a_killed_run_outlives_an_edited_comment_and_no_edited_code(package, tmp_path):
    """Training that was killed goes on after the edit."""

    def saved() -> state.StateFile:
        key = state.make_key(Sources(package).digest("direct.py"), torch.device("cpu"), seed=0)
        return state.StateFile(tmp_path / "state.pt", key)

    saved().save({"history": [{"epoch": 1}]})
    (package / "normreg/c.py").write_text('"""New docstring."""\n\nthing = 1  # new comment\n')
    os.utime(package / "normreg/c.py")
    assert saved().load() == {"history": [{"epoch": 1}]}
    (package / "normreg/c.py").write_text('"""New docstring."""\n\nthing = 2  # new comment\n')
    assert saved().load() is None
