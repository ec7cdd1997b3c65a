"""Rows that a statement is given, any number of them, on both databases; its texts stay few."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    Column,
    ColumnElement,
    Dialect,
    FromClause,
    Select,
    String,
    Text,
    TypeDecorator,
    any_,
    bindparam,
    cast,
    func,
    null,
    select,
    text,
    type_coerce,
)
from sqlalchemy.types import TypeEngine

from core.kernel.queries import On
from core.kernel.statements import WRITTEN_OUT

_ARGUMENTS_AT_MOST: Final = 30_000
_EXACT_UP_TO: Final = 8
"""Rows of which a table is written out for just that many."""

_ENCODE: Final = msgspec.json.Encoder(decimal_format="string").encode


def given_rows(on: On, rows: Any, /, **columns: TypeEngine[Any]) -> FromClause:
    """Return *rows*, the parameter of a query, as a table with these columns.

    The caller gives a list of tuples, each with a value for every column in their order.
    """
    if not isinstance(rows, BindParameter):
        raise TypeError("rows are given to a query")
    if on.dialect == "postgresql":
        # a query of its own hides from the planner how many there are, or it would plan each time
        values = [
            select(bindparam(f"{rows.key}_{name}", type_=_Column(rows.key, n, kind)))
            for n, (name, kind) in enumerate(columns.items())
        ]
        table = func.unnest(*(one.scalar_subquery() for one in values)).table_valued(
            *(Column(name, kind) for name, kind in columns.items()), name="each"
        )
        # Of a limit that it cannot see it expects a tenth, one row of ten: so it looks each up by
        # index, also in a table that was empty when it made the plan.
        unlimited = select(cast(null(), BigInteger)).scalar_subquery()
        return select(*table.render_derived(name="each").c).limit(unlimited).subquery(rows.key)
    kinds = list(columns.values())
    written = text(f"{WRITTEN_OUT}:{rows.key}").bindparams(bindparam(rows.key, type_=_Rows(kinds)))
    each = written.columns(**{f"column{n}": kind for n, kind in enumerate(kinds, 1)}).subquery()
    named = [value.label(name) for value, name in zip(each.c, columns, strict=True)]
    return select(*named).subquery(rows.key)


def is_among(on: On, column: Column[Any], values: Any, /) -> ColumnElement[bool]:
    """Tell whether *column* is one of *values*, the parameter of a query: a list of any length.

    Unlike ``in_`` it is the same statement for all lengths.
    """
    if on.dialect == "postgresql":
        # from a query of its own, or the planner would look how many there are, each time anew
        kind = ARRAY(_of_any_length(column.type))
        given = select(type_coerce(values, kind)).scalar_subquery()
        return column == any_(cast(given, kind))
    each = func.json_each(type_coerce(values, _Values(column.type))).table_valued("value")
    return column.in_(select(each.c.value))


def is_selected(on: On, column: Column[Any], chosen: Select[Any], /) -> ColumnElement[bool]:
    """Tell whether *column* is one of the few values that *chosen* selects.

    PostgreSQL looks for them first and then probes the index for each, whatever it believes to know
    about the table: a queue grows from nothing to millions of rows within minutes.
    """
    if on.dialect == "postgresql":
        return column == any_(func.array(chosen.scalar_subquery(), type_=ARRAY(column.type)))
    return column.in_(chosen)


def _of_any_length(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return *kind* without its length: a cast to that would cut a value without a word."""
    return String() if type(kind) is String else kind


class _Values(TypeDecorator[Sequence[Any]]):
    """A list on its way to SQLite: a JSON array."""

    impl = Text
    cache_ok = False

    def __init__(self, kind: TypeEngine[Any]) -> None:
        super().__init__()
        self._kind = kind

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        writer = self._kind._cached_bind_processor(dialect)  # noqa: SLF001

        def write(values: Sequence[Any]) -> str:
            return _ENCODE(values if writer is None else [writer(one) for one in values]).decode()

        return write


class _Column(TypeDecorator[Sequence[Sequence[Any]]]):
    """One column of rows on their way to PostgreSQL: an array.

    PostgreSQL takes arrays apart for a third of what JSON costs it, and expects ten rows of them
    where it expects a hundred of JSON: so it looks them up by index.

    Attributes:
        part_of: The parameter that is given, of which this is a column.
    """

    impl = Text
    cache_ok = False

    def __init__(self, part_of: str, n: int, kind: TypeEngine[Any]) -> None:
        super().__init__()
        self.part_of = part_of
        self._n = n
        self._kind = kind

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return ARRAY(_of_any_length(self._kind))

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Sequence[Any]]:
        n = self._n
        writer = self._kind._cached_bind_processor(dialect)  # noqa: SLF001
        if writer is None:
            return lambda rows: [row[n] for row in rows]
        return lambda rows: [writer(row[n]) for row in rows]


class _Rows(TypeDecorator[Sequence[Sequence[Any]]]):
    """Rows on their way to SQLite: all their values, one after the other."""

    impl = Text
    cache_ok = False

    def __init__(self, kinds: Sequence[TypeEngine[Any]]) -> None:
        super().__init__()
        self._kinds = kinds
        self._texts: dict[int, str] = {}

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], list[Any]]:
        width = len(self._kinds)
        writers = [
            (n, writer)
            for n, kind in enumerate(self._kinds)
            if (writer := kind._cached_bind_processor(dialect)) is not None  # noqa: SLF001
        ]

        def write(rows: Sequence[Sequence[Any]]) -> list[Any]:
            values = list(chain.from_iterable(rows))
            for n, writer in writers:
                values[n::width] = [writer(value) for value in values[n::width]]
            return values

        return write

    def written_out(self, values: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        """Return the text of a table with *values*, and its arguments.

        SQLite takes a row that is written out in a third of the time that it needs for JSON, but
        no more than 32,766 arguments. It compiles and keeps each text: many rows are filled up to
        one of a few numbers.
        """
        width = len(self._kinds)
        count = len(values) // width
        room = _room_for(count)
        if not 0 < room * width <= _ARGUMENTS_AT_MOST:
            rows = [values[n : n + width] for n in range(0, len(values), width)]
            return self._of_json, [_ENCODE(rows).decode()]
        found = self._texts.get(room)
        if found is None:
            found = self._texts[room] = self._with_room_for(room)
        if room <= _EXACT_UP_TO:
            return found, values
        return found, [*values, *[None] * ((room - count) * width), count]

    def _with_room_for(self, rows: int) -> str:
        row = f"({', '.join('?' * len(self._kinds))})"
        table = WRITTEN_OUT + ", ".join([row] * rows)
        return table if rows <= _EXACT_UP_TO else f"SELECT * FROM ({table}) LIMIT ?"  # noqa: S608 - all of it is ours

    @property
    def _of_json(self) -> str:
        names = (f"json_extract(value, '$[{n}]') AS column{n + 1}" for n in range(len(self._kinds)))
        return f"SELECT {', '.join(names)} FROM json_each(?)"  # noqa: S608 - all of it is ours


def _room_for(count: int) -> int:
    """Return how many rows are written out for *count*: beyond eight 2^n or 1.5 x 2^n."""
    if count <= _EXACT_UP_TO:
        return count
    step = 1 << (count - 1).bit_length() - 2
    return -(-count // step) * step
