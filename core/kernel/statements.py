"""SQLAlchemy Core statements as SQL and arguments for a driver, each shape compiled once.

SQLAlchemy describes tables and statements. Its engine is not on the way of a request: what it adds
to a statement costs more than the statement (``docs/adr/0013``). There is no public way to
its compiled statements by shape, hence the few private names here.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from operator import itemgetter
from types import MemberDescriptorType
from typing import Any, Final, TypeVar

from sqlalchemy import JSON, BindParameter, Dialect, Executable, Float, Numeric, literal_column
from sqlalchemy.sql.cache_key import CacheKey
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import replacement_traverse
from sqlalchemy.types import TypeEngine
from sqlalchemy.util import LRUCache

from core.kernel import documents

T = TypeVar("T")
Processor = Callable[[Any], Any]
Bound = Sequence[BindParameter[Any]]
Layout = tuple[str, Sequence[tuple[str, int | None, Processor | None]]]
"""SQL, and for each argument its parameter, its place in a list of values, its converter."""

Plan = Sequence[tuple[str | None, Any, Processor | None]]
"""For each argument the key of its value, or ``None`` and the value itself; its converter."""

SHAPES_KEPT: Final = 2_000
"""How many compiled statements a process keeps; it has several hundred."""

ELEMENTS_KEPT: Final = 20
"""Up to how many elements of IN in all the SQL for just that many is kept."""

WRITTEN_OUT: Final = "VALUES "
"""What stands in SQL before the parameter of a table that is written out, row by row."""


class Statements:
    """Compiles for one dialect, and remembers what it compiled."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._shapes: LRUCache[Any, Shape] = LRUCache(SHAPES_KEPT)

    def render(self, statement: Executable) -> "tuple[Shape, str, list[Any]]":
        """Return the shape of *statement*, its SQL and its arguments in the driver's order."""
        shape, bound = self._shape(statement, (), many=False)
        return shape, *shape.fill(bound, {})

    def render_many(
        self, statement: Executable, rows: Sequence[Mapping[str, Any]]
    ) -> tuple[str, list[list[Any]]]:
        """Return the SQL of *statement* and its arguments for each of *rows*, which are alike."""
        shape, bound = self._shape(statement, tuple(sorted(rows[0])), many=True)
        filled = [shape.fill(bound, row) for row in rows]
        return filled[0][0], [arguments for _, arguments in filled]

    def _shape(
        self, statement: Any, columns: tuple[str, ...], *, many: bool
    ) -> "tuple[Shape, Bound]":
        cache_key = statement._generate_cache_key()  # noqa: SLF001
        if cache_key is None:  # several rows in one INSERT: as many shapes as there are numbers
            return self._compiled(statement, None, columns, many=many), ()
        key = (cache_key.key, columns, many)
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._compiled(statement, cache_key, columns, many=many)
            self._shapes[key] = shape
        return shape, cache_key.bindparams

    def compile(self, statement: Any) -> "Shape":
        """Compile *statement* for good: what it holds itself stays, the rest is given each time.

        Words and numbers that it holds become part of its text. SQLite would compile it anew each
        time that it is given a value which a partial index is about (it looks at the value, to see
        whether the index may serve), and PostgreSQL could not use that index at all.
        """
        statement = replacement_traverse(statement, {}, self._written_in)
        cache_key = statement._generate_cache_key()  # noqa: SLF001
        shape = self._compiled(statement, cache_key, (), many=False)
        shape.keep(() if cache_key is None else cache_key.bindparams)
        return shape

    def _written_in(self, element: Any, **_: Any) -> Any:
        """Return what stands in the text for a value that never changes; ``None``: nothing does."""
        if not isinstance(element, BindParameter) or element.required or element.expanding:
            return None
        value = element.value
        if not isinstance(value, (str, int)):
            return None
        write = element.type.dialect_impl(self.dialect).literal_processor(self.dialect)
        return None if write is None else literal_column(write(value), element.type)

    def _compiled(
        self, statement: Any, cache_key: CacheKey | None, columns: tuple[str, ...], *, many: bool
    ) -> "Shape":
        compiled = statement._compiler(  # noqa: SLF001
            self.dialect, cache_key=cache_key, column_keys=list(columns), for_executemany=many
        )
        return Shape(compiled, () if cache_key is None else cache_key.bindparams)


@cache
def statements_for(dialect: Dialect) -> Statements:
    """Return what this process has compiled for *dialect*; databases share it."""
    return Statements(dialect)


class Shape:
    """One compiled statement: how to fill it in, and how to read its rows.

    Attributes:
        names: The columns of its rows; empty: only the database knows them.
        readers: Positions of values that the driver leaves unconverted, and their converters.
    """

    __slots__ = (
        "_compiled",
        "_converted_at",
        "_get_all",
        "_kept",
        "_layout",
        "_layouts",
        "_lists",
        "_makers",
        "_plan",
        "_slots",
        "_table",
        "names",
        "readers",
    )

    def __init__(self, compiled: SQLCompiler, bound: Bound) -> None:
        if compiled.insert_prefetch or compiled.update_prefetch:
            raise TypeError("defaults of columns belong to the database (server_default)")
        if compiled.literal_execute_params:
            raise TypeError("values belong into arguments, not into the text of a statement")
        # the n-th value of this statement is the n-th of every statement of its shape
        clones: Any = compiled._cache_key_bind_match  # noqa: SLF001
        positions = {clone: n for n, one in enumerate(bound) for clone in clones[0][one]}
        processors: Mapping[str, Any] = compiled._bind_processors  # noqa: SLF001
        names = compiled.positiontup or ()
        self._compiled = compiled
        self._slots = {
            name: (positions.get(parameter), parameter)
            for name in names
            for parameter in (compiled.binds[name],)
        }
        self._lists = [n for n in self._slots if compiled.binds[n] in compiled.post_compile_params]
        self._layout: Layout | None = None
        if not self._lists:
            self._layout = compiled.string, [(n, None, processors.get(n)) for n in names]
        self._layouts: dict[tuple[int, ...], Layout] = {}
        self._kept: Bound = ()
        self._plan: Plan | None = None
        self._get_all: Callable[[Mapping[str, Any]], Sequence[Any]] | None = None
        self._converted_at: Sequence[tuple[int, Processor]] = ()
        self._table: tuple[int, Any, str, str] | None = None
        self._makers: dict[Any, Callable[[Sequence[Any]], Any]] = {}
        columns = compiled._result_columns  # noqa: SLF001
        self.names = tuple(column.keyname for column in columns)
        self.readers = [
            (n, reader)
            for n, column in enumerate(columns)
            if (reader := _reader(column.type, compiled.dialect)) is not None
        ]

    def read(
        self, rows: Sequence[Sequence[Any]], names: Sequence[str], into: Callable[..., T] | None
    ) -> Sequence[Any]:
        """Return *rows* as the driver gave them as *into*, or as named tuples."""
        if self.readers:
            rows = [self._converted(row) for row in rows]
        if not rows:
            return []
        make = self._makers.get(into)
        if make is None:
            make = _maker(tuple(names), into)
            if self.names:  # else it may read other columns the next time
                self._makers[into] = make
        return [make(row) for row in rows]

    def _converted(self, row: Sequence[Any]) -> list[Any]:
        values = list(row)
        for n, reader in self.readers:
            values[n] = reader(values[n])
        return values

    def keep(self, bound: Bound) -> None:
        """Take what the statement itself holds as what it always holds."""
        self._kept = bound
        if self._layout is None:
            return
        plan: list[tuple[str | None, Any, Processor | None]] = []
        for name, _, processor in self._layout[1]:
            n, parameter = self._slots[name]
            if parameter.required:
                plan.append((_given_as(parameter), None, processor))
            else:
                value = (parameter if n is None else bound[n]).effective_value
                plan.append((None, value if processor is None else processor(value), None))
        self._plan = plan
        keys = [key for key, _, _ in plan if key is not None]
        if len(keys) == len(plan) > 1:
            self._get_all = itemgetter(*keys)
            self._converted_at = [
                (n, processor) for n, (_, _, processor) in enumerate(plan) if processor is not None
            ]
        for n, (name, _, _) in enumerate(self._layout[1]):
            kind = self._slots[name][1].type
            if hasattr(kind, "written_out"):
                before, after = self._layout[0].split(f"{WRITTEN_OUT}?")
                self._table = n, kind, before, after

    def fill_given(self, given: Mapping[str, Any]) -> tuple[str, list[Any]]:
        """Return the SQL and its arguments for a statement that was compiled for good."""
        if self._layout is None or self._plan is None:
            return self.fill(self._kept, given)
        if self._get_all is not None:
            arguments = list(self._get_all(given))
            for n, processor in self._converted_at:
                arguments[n] = processor(arguments[n])
        else:
            arguments = [
                value if key is None else given[key] if processor is None else processor(given[key])
                for key, value, processor in self._plan
            ]
        if self._table is None:
            return self._layout[0], arguments
        n, kind, before, after = self._table
        table, arguments[n : n + 1] = kind.written_out(arguments[n])
        return f"{before}{table}{after}", arguments

    def fill(self, bound: Bound, given: Mapping[str, Any]) -> tuple[str, list[Any]]:
        """Return the SQL and its arguments; values in *given* come before the statement's own."""
        values = {}
        for name, (n, parameter) in self._slots.items():
            key = _given_as(parameter)
            if key in given:
                values[name] = given[key]
            elif parameter.required:
                raise KeyError(key)
            else:  # the compiler has added some of its own, such as OFFSET 0
                values[name] = (parameter if n is None else bound[n]).effective_value
        sql, places = self._layout or self._layout_for(values)
        arguments = []
        for name, n, processor in places:
            value = values[name] if n is None else values[name][n]
            arguments.append(value if processor is None else processor(value))
        return sql, arguments

    def _layout_for(self, values: Mapping[str, Any]) -> Layout:
        """Return the layout for lists (of IN) that are as long as those in *values*."""
        lengths = tuple(len(values[name]) for name in self._lists)
        layout = self._layouts.get(lengths)
        if layout is None:
            state = self._compiled._process_parameters_for_postcompile(dict(values))  # noqa: SLF001
            elements: dict[str, tuple[str, int | None]] = {
                element: (name, n)
                for name, expanded in state.parameter_expansion.items()
                for n, element in enumerate(expanded)
            }
            layout = (
                state.statement,
                [
                    (*elements.get(name, (name, None)), self._processor(state.processors, name))
                    for name in state.positiontup or ()
                ],
            )
            if sum(lengths) <= ELEMENTS_KEPT:
                self._layouts[lengths] = layout
        return layout

    def _processor(self, expanded: Mapping[str, Any], name: str) -> Processor | None:
        own: Mapping[str, Any] = self._compiled._bind_processors  # noqa: SLF001
        return expanded.get(name) or own.get(name)


def _given_as(parameter: BindParameter[Any]) -> str:
    """Return what the value of *parameter* is called; several may be parts of one value."""
    return getattr(parameter.type, "part_of", parameter.key)


def _maker(names: tuple[str, ...], into: Callable[..., Any] | None) -> Callable[..., Any]:
    """Return what makes a named tuple, or *into*, of a row whose columns have these names."""
    if into is None:
        make: Callable[..., Any] = row_type(names)._make
        return make
    setters = _setters(names, into)
    if setters is None:
        return lambda row: into(**dict(zip(names, row, strict=True)))
    new, finish = object.__new__, getattr(into, "__post_init__", None)

    def record(row: Sequence[Any]) -> Any:
        one = new(into)  # type: ignore[arg-type]
        for set_value, value in zip(setters, row, strict=True):
            set_value(one, value)
        if finish is not None:
            finish(one)
        return one

    return record


def _setters(
    names: tuple[str, ...], into: Callable[..., Any]
) -> Sequence[Callable[[Any, Any], None]] | None:
    """Return what sets the fields of a record with slots; ``None`` if it is no such, or has others.

    A frozen record's own ``__init__`` looks each field up by its name: four times as slow.
    """
    fields = getattr(into, "__dataclass_fields__", {})
    slots = [getattr(into, name, None) for name in names]
    if set(fields) != set(names) or not all(field.init for field in fields.values()):
        return None
    if not all(isinstance(slot, MemberDescriptorType) for slot in slots):
        return None
    return [slot.__set__ for slot in slots if slot is not None]


@lru_cache(SHAPES_KEPT)
def row_type(names: tuple[str, ...]) -> Any:
    """Return the named tuple with these fields; a name that none may have goes by its place."""
    return namedtuple("Row", names, rename=True)  # noqa: PYI024 - fields are only known here


def _reader(kind: TypeEngine[Any], dialect: Dialect) -> Processor | None:
    if dialect.name == "postgresql":
        native = kind.dialect_impl(dialect)
        if isinstance(native, JSON):
            return _json_or_none  # asyncpg hands the document over as text
        if isinstance(native, (Numeric, Float)):
            return None  # asyncpg makes numbers of them; SQLAlchemy would ask for its type's id
    elif isinstance(kind.dialect_impl(dialect), JSON):
        return _json_of_sqlite
    reader: Processor | None = kind._cached_result_processor(dialect, None)  # noqa: SLF001
    return reader


def _json_of_sqlite(value: Any) -> Any:
    """Return a document; a column of JSON has made a number of a text that is one."""
    return documents.decode(value) if isinstance(value, str) else value


def _json_or_none(text: str | None) -> Any:
    return None if text is None else documents.decode(text)
