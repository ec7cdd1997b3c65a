"""What a central system can read and change in a charger: one table for both versions."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class DataType(StrEnum):
    """Types of values, in the words of OCPP 2.0.1 DataEnumType."""

    TEXT = "string"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    LIST = "MemberList"


class Change(StrEnum):
    """Outcome of an attempt to change a setting."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    REBOOT_REQUIRED = "RebootRequired"
    UNKNOWN = "Unknown"


@dataclass(kw_only=True)
class Setting:
    """One configuration key (1.6) or variable (2.0.1, named ``Component.Variable``)."""

    name: str
    value: str
    type: DataType = DataType.TEXT
    readonly: bool = False
    write_only: bool = False
    needs_reboot: bool = False
    pending: str | None = None
    """Value that takes effect with the next boot."""


class Settings:
    """The settings of one charger; names compare without case."""

    def __init__(self, settings: Iterable[Setting]) -> None:
        self._by_name = {setting.name.lower(): setting for setting in settings}

    def __iter__(self) -> Iterator[Setting]:
        return iter(self._by_name.values())

    def find(self, name: str) -> Setting | None:
        """Return the setting of that name, if the charger has it."""
        return self._by_name.get(name.lower())

    def text(self, name: str) -> str:
        """Return the value of a setting the charger is known to have."""
        return self._by_name[name.lower()].value

    def number(self, name: str) -> int:
        """Return the integer value of a setting."""
        return int(self.text(name))

    def flag(self, name: str) -> bool:
        """Return the boolean value of a setting."""
        return self.text(name).lower() == "true"

    def change(self, name: str, value: str) -> Change:
        """Set *value* if the charger has the setting, may change it and understands the value."""
        setting = self.find(name)
        if setting is None:
            return Change.UNKNOWN
        if setting.readonly or not _understood(setting, value):
            return Change.REJECTED
        if setting.needs_reboot:
            setting.pending = value
            return Change.REBOOT_REQUIRED
        setting.value = value
        return Change.ACCEPTED

    def rebooted(self) -> None:
        """Let changes that waited for a reboot take effect."""
        for setting in self._by_name.values():
            if setting.pending is not None:
                setting.value, setting.pending = setting.pending, None


def _understood(setting: Setting, value: str) -> bool:
    if setting.type is DataType.INTEGER:
        return value.isascii() and value.isdigit()
    if setting.type is DataType.BOOLEAN:
        return value.lower() in {"true", "false"}
    return True
