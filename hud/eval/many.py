"""`async with hud.eval(...)` over many rollouts: its body is run once for each, by itself, and not
where it stands.

1. The block is found by the position that the running frame has reached, never by its text.
2. Its body is compiled from the file's syntax tree as a function of the rollout's context, with the
   frame's globals and cells. What the body assigns is each run's own and begins with the value that
   it had before the block; after the block it has the value of the last run.
3. A name that the body only updates (`total += …`) is shared, and so is one that the function
   declared `nonlocal` or `global`.
4. Where it stands, the body is skipped: an exception is raised before its first instruction, and
   the end of the block takes it back.
"""

from __future__ import annotations
import __future__

import ast
import asyncio
import ctypes
import dis
import gc
import itertools
import linecache
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from statistics import fmean
from types import CellType, CodeType, CoroutineType, FrameType, FunctionType
from typing import Any

from hud.errors import UserError
from hud.eval.context import EvalContext

Loop = Callable[[EvalContext], Awaitable[Any]]
Span = tuple[int | None, int | None, int | None, int | None]
"""First line, last line, first column, last column, as code objects have them."""

CONTEXT, KEEP, LOCALS, NEW = "_hud_context", "_hud_keep", "_hud_locals", "_hud_new"
FUTURES = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
NOP = dis.opmap["NOP"]
"""What `pass` is compiled to; it stands outside of what an exception leaves the block from."""
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
LOOPS = (ast.For, ast.AsyncFor, ast.While)


class Skip(BaseException):
    """Leaves a body that has been run already."""


class RepeatedBlock(AbstractAsyncContextManager[EvalContext]):
    """The block of an `async with` whose body `run` runs, as a function, as often as it likes."""

    def __init__(
        self, run: Callable[[Loop], Awaitable[list[EvalContext]]], summary: EvalContext, form: str
    ) -> None:
        """Make one; `summary` is the context of the whole, `form` says how a function does the
        same.
        """
        self._run = run
        self._summary = summary
        self._form = form
        self._skip: Skip | None = None
        self._tracing: Any = None
        self._frame: FrameType | None = None

    def __aenter__(self) -> Any:
        return self._enter(sys._getframe(1))

    async def _enter(self, frame: FrameType) -> EvalContext:
        block = find_block(frame, self._form)
        body = Body(block, frame, await asyncio.create_task(cells_of(frame)))
        results = await self._run(body.run)
        body.write_back()
        summarise(self._summary, results)
        self._frame, self._tracing = frame, sys.gettrace()
        self._leave_before(body.block.spans)
        return self._summary

    def _leave_before(self, spans: set[Span]) -> None:
        """Have the frame leave its block at the first instruction that is not in `spans`."""
        frame, self._skip = self._frame, Skip()
        assert frame is not None

        def follow(traced: FrameType, event: str, _: Any) -> Any:
            position = position_of(traced)
            is_inside = position[0] is not None and position not in spans
            if event == "opcode" and is_inside and traced.f_code.co_code[traced.f_lasti] != NOP:
                raise self._skip or Skip()
            return follow

        frame.f_trace, frame.f_trace_opcodes = follow, True
        sys.settrace(lambda *_: None)

    async def __aexit__(self, kind: Any, exc: BaseException | None, where: Any) -> bool:
        if self._frame is not None:
            self._frame.f_trace_opcodes = False
            self._frame.f_trace, self._frame = self._tracing, None
            sys.settrace(self._tracing)
        return exc is not None and exc is self._skip


def summarise(summary: EvalContext, results: list[EvalContext]) -> None:
    """Tell in the context of the whole how its rollouts ended: the mean reward of those that have
    one, and the first error.
    """
    rewards = [ctx.reward for ctx in results if ctx.reward is not None]
    summary.results = results
    summary.reward = summary.trace.reward = fmean(rewards) if rewards else None
    summary.error = next((ctx.error for ctx in results if ctx.error is not None), None)


def span_of(node: ast.AST) -> Span:
    """Where a node stands, as its instructions have it."""
    at: Any = node
    return (at.lineno, at.end_lineno, at.col_offset, at.end_col_offset)


def position_of(frame: FrameType) -> Span:
    """Where the instruction stands that a frame is at."""
    positions = frame.f_code.co_positions()
    return next(itertools.islice(positions, frame.f_lasti // 2, None), (None, None, None, None))


@dataclass(frozen=True)
class Block:
    """One item of an `async with` statement, and what the run of its body needs to know."""

    statement: ast.AsyncWith
    index: int
    class_name: str | None
    """The class around it, in which `__names` have other names."""

    @property
    def item(self) -> ast.withitem:
        return self.statement.items[self.index]

    @property
    def target(self) -> ast.expr | None:
        """What `as` names."""
        return self.item.optional_vars

    @property
    def spans(self) -> set[Span]:
        """Where instructions stand that belong to entering it."""
        nodes = (self.statement, self.item.context_expr, self.target)
        return {span_of(node) for node in nodes if node is not None}

    @property
    def body(self) -> list[ast.stmt]:
        """What runs inside; the items behind this one are."""
        rest = self.statement.items[self.index + 1 :]
        if not rest:
            return self.statement.body
        inner = ast.AsyncWith(items=rest, body=self.statement.body)
        return [ast.copy_location(inner, self.statement)]


def find_block(frame: FrameType, form: str) -> Block:
    """The block that a frame is entering.

    Raises:
        UserError: its source is not known, is not what is running, or its body cannot run by
            itself.
    """
    refuse = Refusal(form)
    lines = linecache.getlines(frame.f_code.co_filename, frame.f_globals)
    if not lines:
        raise refuse("there is no source to be found of the code that it is in")
    try:
        tree = ast.parse("".join(lines))
    except SyntaxError as exc:
        raise refuse("the file of the code that it is in has changed since it was loaded") from exc
    found = _innermost(frame, list(_blocks(tree, None)))
    if found is None:
        raise refuse("it is not entered by an `async with` of its own")
    if found.target is not None and not isinstance(found.target, ast.Name):
        raise refuse(f"`as {ast.unparse(found.target)}` is no plain name")
    for statement in found.body:
        reason = next(_hindrances(statement, in_loop=False), None)
        if reason is not None:
            raise refuse(reason)
    return found


@dataclass(frozen=True)
class Refusal:
    """Makes the error for a block that cannot run by itself; `form` is what to write instead."""

    form: str

    def __call__(self, reason: str) -> UserError:
        what = "the body of `async with hud.eval(...)` cannot be run more than once"
        refusal = UserError(f"{what}: {reason}", hint=self.form)
        refusal.add_note(f"hint: {self.form}")  # a script of one's own shows no hints
        return refusal


def _blocks(node: ast.AST, class_name: str | None) -> Iterator[Block]:
    if isinstance(node, ast.ClassDef):
        class_name = node.name
    if isinstance(node, ast.AsyncWith):
        yield from (Block(node, index, class_name) for index in range(len(node.items)))
    for child in ast.iter_child_nodes(node):
        yield from _blocks(child, class_name)


def _innermost(frame: FrameType, blocks: list[Block]) -> Block | None:
    """The block whose expression was evaluated last before the instruction that the frame is at.

    Where instructions have no columns, the only block of the line.
    """
    positions = list(itertools.islice(frame.f_code.co_positions(), frame.f_lasti // 2 + 1))
    now = positions[-1] if positions else (None, None, None, None)
    if now[2] is None:
        on_line = [block for block in blocks if block.statement.lineno == frame.f_lineno]
        return on_line[0] if len(on_line) == 1 else None
    here = [b for b in blocks if now in (span_of(b.statement), span_of(b.item.context_expr))]
    by_span = {span_of(block.item.context_expr): block for block in here}
    return next((by_span[span] for span in reversed(positions) if span in by_span), None)


def _hindrances(node: ast.AST, *, in_loop: bool) -> Iterator[str]:
    """Why a statement of the body cannot run in a function of its own."""
    if isinstance(node, FUNCTIONS):
        return
    if isinstance(node, ast.Yield | ast.YieldFrom):
        yield f"it yields in line {node.lineno}"
    if isinstance(node, ast.Break | ast.Continue) and not in_loop:
        yield f"it leaves a loop around it in line {node.lineno}"
    for name, field in ast.iter_fields(node):
        inside = isinstance(node, LOOPS) and name == "body"
        for child in field if isinstance(field, list) else [field]:
            if isinstance(child, ast.AST):
                yield from _hindrances(child, in_loop=in_loop or inside)


class Body:
    """A block's body as a function, with its frame's names."""

    def __init__(self, block: Block, frame: FrameType, cells: dict[str, CellType]) -> None:
        """Compile it; `cells` are those of the frame."""
        self.block = block
        self.frame = frame
        self._in_module = frame.f_locals is frame.f_globals
        code = frame.f_code
        self.known = {*code.co_varnames, *code.co_cellvars, *code.co_freevars}
        self.values = dict(frame.f_locals)
        self.kept: dict[int, dict[str, Any]] = {}
        statements = _Rewriting(block, frame).statements()
        assigned = _assigned(self._compiled(statements, set(), set(), set()))
        self.target = block.target.id if isinstance(block.target, ast.Name) else None
        self.shared = {
            name
            for name in assigned - {self.target}
            if name in code.co_freevars
            or (name in self.values and only_updated(name, block.body))
            or self._is_global(name)
        }
        self.own = assigned - self.shared - {self.target}
        self.cells = self._all_cells(cells)
        self.function = self._function(statements)

    def _is_global(self, name: str) -> bool:
        """Whether the function around the block declared a name that it assigns `global`."""
        return not self._in_module and name not in self.known

    def _all_cells(self, found: dict[str, CellType]) -> dict[str, CellType]:
        """A cell for every name of the function around the block, its own where it has one."""
        names = self.known - self.own - {self.target}
        made = {name: CellType(self.values[name]) for name in names if name in self.values}
        empty = {name: CellType() for name in names}
        return empty | made | {name: found[name] for name in names if name in found}

    def _function(self, statements: list[ast.stmt]) -> FunctionType:
        outer = set() if self._in_module else self.known - self.own - {self.target}
        begun = {name for name in self.own if name in self.values}
        code = self._compiled(statements, outer, self.shared, begun)
        closure = tuple(self.cells[name] for name in code.co_freevars)
        function = FunctionType(code, self.frame.f_globals, self.frame.f_code.co_name, (), closure)
        function.__kwdefaults__ = {name: self.values[name] for name in begun}
        return function

    def _compiled(
        self, statements: list[ast.stmt], outer: set[str], shared: set[str], begun: set[str]
    ) -> CodeType:
        """The body's code: `outer` are names of the function around it, of which it may assign the
        `shared` ones; its own ones that are `begun` have a value when it starts.
        """
        made = ast.parse(f"async def body({CONTEXT}, {KEEP}, {LOCALS}): pass").body[0]
        assert isinstance(made, ast.AsyncFunctionDef)
        made.args.kwonlyargs = [ast.arg(name) for name in sorted(begun)]
        made.args.kw_defaults = [ast.Constant(None) for _ in begun]
        made.body = [*self._declarations(outer, shared), self._kept(statements)]
        names = [ast.Name(name, ast.Store()) for name in sorted(outer)]
        given = [ast.Assign([name], ast.Constant(None)) for name in names]
        around = ast.parse("def around(): pass").body[0]
        assert isinstance(around, ast.FunctionDef)
        around.body = [*given, made]
        module = ast.Module([_in_class(around, self.block.class_name)], [])
        first = self.block.statement.lineno
        for node in ast.walk(module):
            if not hasattr(node, "lineno") and isinstance(node, ast.expr | ast.stmt | ast.arg):
                node.lineno = node.end_lineno = first
                node.col_offset = node.end_col_offset = 0
        flags = self.frame.f_code.co_flags & FUTURES
        code = compile(module, self.frame.f_code.co_filename, "exec", flags, dont_inherit=True)
        return _nested(code, "body")

    def _declarations(self, outer: set[str], shared: set[str]) -> Iterator[ast.stmt]:
        if inner := sorted(shared & outer):
            yield ast.Nonlocal(inner)
        if wide := sorted(shared - outer):
            yield ast.Global(wide)

    def _kept(self, statements: list[ast.stmt]) -> ast.stmt:
        """The statements, with the context given its name before and the names kept behind."""
        made = ast.parse(f"try: pass\nfinally: {KEEP}({LOCALS}())").body[0]
        assert isinstance(made, ast.Try)
        target = self.block.target
        given = [ast.Assign([target], ast.Name(CONTEXT, ast.Load()))] if target else []
        made.body = [*given, *statements]
        return made

    async def run(self, ctx: EvalContext) -> Any:
        """Run the body for one rollout."""
        number = len(self.kept)
        self.kept[number] = {}
        await self.function(ctx, self.kept[number].update, locals)

    def write_back(self) -> None:
        """Give the frame what the last run assigned, and what all of them updated."""
        last = self.kept[max(self.kept)] if self.kept else {}
        values = {name: last[name] for name in self.own if name in last}
        for name in self.shared & self.cells.keys():
            values[name] = self.cells[name].cell_contents
        variables = self.frame.f_locals
        variables.update(values)
        if sys.version_info < (3, 13) and not self._in_module:
            ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(self.frame), ctypes.c_int(0))


def _in_class(function: ast.stmt, name: str | None) -> ast.stmt:
    if name is None:
        return function
    made = ast.parse(f"class {name}: pass").body[0]
    assert isinstance(made, ast.ClassDef)
    made.body = [function]
    return made


def _nested(code: CodeType, name: str) -> CodeType:
    """The code of the function `name`, however deep in `code` it is defined."""
    found = [item for item in code.co_consts if isinstance(item, CodeType)]
    named = next((item for item in found if item.co_name == name), None)
    return named or _nested(found[0], name)


def _assigned(code: CodeType) -> set[str]:
    return {*code.co_varnames, *code.co_cellvars} - {CONTEXT, KEEP, LOCALS, NEW}


async def cells_of(frame: FrameType) -> dict[str, CellType]:
    """The cells in which a coroutine's frame shares names with other functions, where they can be
    told apart.

    It runs in a task of its own: only a frame that waits shows what it holds.
    """
    names = [*frame.f_code.co_cellvars, *frame.f_code.co_freevars]
    if not names:
        return {}
    running = (item for item in gc.get_objects() if _frame_of(item) is frame)
    held = gc.get_referents(next(running, None))
    cells = [item for item in held if isinstance(item, CellType)]
    values = frame.f_locals
    if len(cells) != len(names):
        return {}
    pairs = zip(names, cells, strict=True)
    return {name: cell for name, cell in pairs if _holds(cell, values.get(name, cells))}


def _frame_of(item: Any) -> FrameType | None:
    return item.cr_frame if type(item) is CoroutineType else None


def _holds(cell: CellType, value: Any) -> bool:
    try:
        return cell.cell_contents is value
    except ValueError:
        return False


def only_updated(name: str, body: list[ast.stmt]) -> bool:
    """Whether the only assignments of a name are of the form `name += …`."""
    updates = stores = 0
    for node in (found for statement in body for found in ast.walk(statement)):
        if isinstance(node, ast.AugAssign) and _names(node.target, name):
            updates += 1
        if _binds(node, name):
            stores += 1
    return updates == stores


def _names(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _binds(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Name):
        return node.id == name and not isinstance(node.ctx, ast.Load)
    if isinstance(node, ast.alias):
        return (node.asname or node.name).partition(".")[0] == name
    if isinstance(node, ast.MatchMapping):
        return node.rest == name
    return getattr(node, "name", None) == name


class _Rewriting(ast.NodeTransformer):
    """The body's statements as a function of its own needs them: `x += await …` waits before it
    reads `x`, and `super()` is told whose it is.
    """

    def __init__(self, block: Block, frame: FrameType) -> None:
        self.block = block
        self.first = next(iter(frame.f_code.co_varnames), None)

    def statements(self) -> list[ast.stmt]:
        """The statements, changed."""
        module = ast.Module(self.block.body, [])
        self.generic_visit(module)
        return module.body

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        self.generic_visit(node)
        waits = any(isinstance(item, ast.Await) for item in ast.walk(node.value))
        if not waits or not isinstance(node.target, ast.Name):
            return node
        made = ast.copy_location(ast.Name(NEW, ast.Store()), node)
        first = ast.copy_location(ast.Assign([made], node.value), node)
        node.value = ast.copy_location(ast.Name(NEW, ast.Load()), node)
        return [first, node]

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        is_bare = _names(node.func, "super") and not (node.args or node.keywords)
        if is_bare and self.first is not None:
            names = [ast.Name(name, ast.Load()) for name in ("__class__", self.first)]
            node.args = [ast.copy_location(name, node) for name in names]
        return node

    def _keep(self, node: Any) -> Any:
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = visit_ClassDef = _keep
