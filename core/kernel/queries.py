"""Statements of the hot paths: built once, then only filled in.

To build a statement and to find its compiled form costs more than to run it (ADR 0026).
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, ParamSpec, Protocol

from sqlalchemy import BindParameter, ColumnElement, Executable, bindparam, func, type_coerce
from sqlalchemy.types import TypeEngine

from core.kernel.statements import Shape, Statements

P = ParamSpec("P")

_PREFIX: Final = "q_"
"""Of the parameters' names, which may not be those of columns (SQLAlchemy fills those in)."""


class On(Protocol):
    """What a query is built for; a transaction is one."""

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""


@dataclass(frozen=True, slots=True)
class OnDialect:
    """What knows only that; for statements that are built once."""

    dialect: str


class Filled:
    """A query with its values: what a transaction runs."""

    __slots__ = ("_prepared", "_values")

    def __init__(self, prepared: "Prepared", values: Mapping[str, Any]) -> None:
        self._prepared = prepared
        self._values = values

    def render(self, statements: Statements) -> tuple[Shape, str, Sequence[Any]]:
        """Return the shape, its SQL and its arguments in the driver's order."""
        shape = self._prepared.shape(statements)
        return shape, *shape.fill_given(self._values)


class Prepared:
    """A statement with parameters, compiled when it is first run on a dialect."""

    __slots__ = ("_build", "_shapes")

    def __init__(self, build: Callable[[On], Executable]) -> None:
        self._build = build
        self._shapes: dict[str, Shape] = {}

    def shape(self, statements: Statements) -> Shape:
        """Return the compiled statement for the dialect of *statements*."""
        name = statements.dialect.name
        shape = self._shapes.get(name)
        if shape is None:
            shape = self._shapes[name] = statements.compile(self._build(OnDialect(name)))
        return shape


class Query(Generic[P]):
    """A statement as a function of its values; see ``query``."""

    def __init__(self, build: Callable[P, Executable]) -> None:
        self._build: Callable[..., Executable] = build
        self._prepared: dict[tuple[bool, ...], Prepared] = {}
        parameters = list(inspect.signature(build).parameters.values())
        self._is_dialectal = bool(parameters) and parameters[0].name == "on"
        self._parameters = parameters[1:] if self._is_dialectal else parameters
        self._keys = tuple(_PREFIX + one.name for one in self._parameters)
        self._optional = tuple(
            _PREFIX + one.name for one in self._parameters if one.default is None
        )
        self.__doc__ = build.__doc__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Filled:
        """Return the statement with these values."""
        values = dict(zip(self._keys, args[1:] if self._is_dialectal else args, strict=False))
        for name, value in kwargs.items():
            values[_PREFIX + name] = value
        absent = tuple([values.get(key) is None for key in self._optional])
        prepared = self._prepared.get(absent)
        if prepared is None:
            left_out = {
                key for key, is_absent in zip(self._optional, absent, strict=True) if is_absent
            }
            prepared = self._prepared[absent] = Prepared(self._builder(left_out))
        return Filled(prepared, values)

    def _builder(self, left_out: set[str]) -> Callable[[On], Executable]:
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for one in self._parameters:
            value = None if _PREFIX + one.name in left_out else parameter(one.name)
            if one.kind is inspect.Parameter.KEYWORD_ONLY:
                named[one.name] = value
            else:
                positional.append(value)
        if self._is_dialectal:
            return lambda on: self._build(on, *positional, **named)
        return lambda _: self._build(*positional, **named)


def query(build: Callable[P, Executable]) -> Query[P]:
    """Make a query of a function that returns a statement of its parameters.

    *build* is called once for each dialect, with parameters in place of values: it may put them
    where a value may be, but not look at them. A parameter is of the type of what it is compared
    with, or of the column it is put into. One whose default is ``None`` may be absent: then *build*
    is given ``None`` and may look at that; it is called once for each set of absent ones. Any other
    must not be ``None`` where it is compared.

    A first parameter named *on* gets what knows the ``dialect`` (for ``upsert``); callers hand
    over their transaction there.
    """
    return Query(build)


def parameter(name: str) -> BindParameter[Any]:
    """Return the parameter of a prepared statement that ``filled`` calls *name*."""
    return bindparam(_PREFIX + name)


def filled(prepared: Prepared, values: Mapping[str, Any]) -> Filled:
    """Return a prepared statement with its values by name."""
    return Filled(prepared, {_PREFIX + name: value for name, value in values.items()})


def bound(value: Any, kind: TypeEngine[Any]) -> Any:
    """Return a parameter with its type said, where nothing beside it tells."""
    return type_coerce(value, kind)


def unindexed(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return *column* as a value that no index leads to: for a condition on a row found by its key.

    PostgreSQL keeps a plan. An index of what is seldom (what is queued, who is offline) looks as
    good as the key while there is nothing in it; in a storm each statement would read all of it.
    """
    return func.coalesce(column, column)
