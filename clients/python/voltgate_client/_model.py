"""What every model has in common: lenient where the platform may grow, silent about secrets."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final, Generic, Self, TypeVar

import msgspec

T = TypeVar("T")

SECRET_FIELDS: Final = frozenset({"secret", "status_token"})
_HIDDEN: Final = "'...'"


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """An object of the API. Fields that this version does not know are left out.

    ``repr`` shows no secret; ``to_dict`` has everything.
    """

    def to_dict(self) -> dict[str, Any]:
        """Return plain values as they are in JSON."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={text}" for name, text in self._shown())
        return f"{type(self).__name__}({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [
            (name, "..." if name in SECRET_FIELDS else getattr(self, name))
            for name in self.__struct_fields__
        ]

    def _shown(self) -> Iterator[tuple[str, str]]:
        for name in self.__struct_fields__:
            yield name, _HIDDEN if name in SECRET_FIELDS else repr(getattr(self, name))


class OpenEnum(StrEnum):
    """A list of words that may grow: an unknown one is kept, and equals its text."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        unknown = str.__new__(cls, value)
        unknown._name_ = value
        unknown._value_ = value
        return unknown

    @property
    def is_known(self) -> bool:
        """Tell whether this version of the client knows the word."""
        return self._name_ in type(self).__members__


class Page(Model, Generic[T], frozen=True, kw_only=True):
    """One page of a list; ``next_seq`` where the list is numbered, else ``next_cursor``."""

    data: list[T]
    has_more: bool = False
    next_cursor: str | None = None
    next_seq: int | None = None
