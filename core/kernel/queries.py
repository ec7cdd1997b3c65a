"""Statements of the hot paths: built once, then only filled in.

To build a statement and to find its compiled form costs more than to run it (ADR 0026).
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, ParamSpec, Protocol

from sqlalchemy import Executable, bindparam, type_coerce
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
class _On:
    dialect: str


class Filled:
    """A query with its values: what a transaction runs."""

    __slots__ = ("query", "values")

    def __init__(self, query: "Query[Any]", values: dict[str, Any]) -> None:
        self.query = query
        self.values = values

    def render(self, statements: Statements) -> tuple[Shape, str, Sequence[Any]]:
        """Return the shape, its SQL and its arguments in the driver's order."""
        shape = self.query.shape(statements)
        return shape, *shape.fill_given(self.values)


class Query(Generic[P]):
    """A statement as a function of its values; see ``query``."""

    def __init__(self, build: Callable[P, Executable]) -> None:
        self._build = build
        self._shapes: dict[str, Shape] = {}
        parameters = list(inspect.signature(build).parameters.values())
        self._is_dialectal = bool(parameters) and parameters[0].name == "on"
        if self._is_dialectal:
            del parameters[0]
        self._names = tuple(_PREFIX + one.name for one in parameters)
        self.__doc__ = build.__doc__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Filled:
        """Return the statement with these values; nothing is built."""
        values = args[1:] if self._is_dialectal else args
        filled = dict(zip(self._names, values, strict=False))
        for name, value in kwargs.items():
            filled[_PREFIX + name] = value
        return Filled(self, filled)

    def shape(self, statements: Statements) -> Shape:
        """Return the compiled statement for the dialect of *statements*."""
        shape = self._shapes.get(statements.dialect.name)
        if shape is None:
            arguments: list[Any] = [bindparam(name) for name in self._names]
            if self._is_dialectal:
                arguments.insert(0, _On(statements.dialect.name))
            shape = statements.compile(_called(self._build, arguments))
            self._shapes[statements.dialect.name] = shape
        return shape


def _called(build: Callable[..., Executable], arguments: Sequence[Any]) -> Executable:
    """Call *build* with its arguments in their order, those that go by name by name."""
    parameters = inspect.signature(build).parameters.values()
    positional, named = [], {}
    for parameter, argument in zip(parameters, arguments, strict=True):
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            named[parameter.name] = argument
        else:
            positional.append(argument)
    return build(*positional, **named)


def query(build: Callable[P, Executable]) -> Query[P]:
    """Make a query of a function that returns a statement of its parameters.

    *build* is called once for each dialect, with parameters in place of values: it may put them
    where a value may be, but not look at them. A parameter is what it is compared with or what
    column it is put into; as the right side of ``in_`` it is a list. ``== None`` finds nothing: a
    query that may look for NULL says ``is_not_distinct_from``.

    A first parameter named *on* gets what knows the ``dialect`` (for ``upsert``); callers hand
    over their transaction there.
    """
    return Query(build)


def bound(value: Any, kind: TypeEngine[Any]) -> Any:
    """Return a parameter with its type said, where nothing beside it tells."""
    return type_coerce(value, kind)
