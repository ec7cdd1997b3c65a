"""What a central system can read and change in a charger: one table for both versions."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class DataType(StrEnum):
    """Types of values, in the words of OCPP 2.0.1 DataEnumType."""

    TEXT = "string"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    OPTION = "OptionList"
    SEQUENCE = "SequenceList"
    LIST = "MemberList"


class Change(StrEnum):
    """Outcome of an attempt to change a setting."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    REBOOT_REQUIRED = "RebootRequired"
    UNKNOWN = "Unknown"


@dataclass(kw_only=True, slots=True)
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
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    options: tuple[str, ...] = ()
    """The values, or members of lists, that are possible; empty: any."""
    monitored: bool = False
    """2.0.1: monitors can be set."""
    others: dict[str, str] | None = None
    """2.0.1: values of the attributes Target, MinSet and MaxSet, as far as there are any."""
    live: Callable[[], str] | None = None
    """Reads a value that is measured, not kept."""

    @property
    def now(self) -> str:
        """Return the value as of this moment."""
        return self.value if self.live is None else self.live()


class Settings:
    """The settings of one charger; names compare without case."""

    def __init__(self, settings: Iterable[Setting]) -> None:
        self._by_name = {setting.name.lower(): setting for setting in settings}

    def __iter__(self) -> Iterator[Setting]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def add(self, settings: Iterable[Setting]) -> None:
        """Take more settings in."""
        self._by_name.update((setting.name.lower(), setting) for setting in settings)

    def find(self, name: str) -> Setting | None:
        """Return the setting of that name, if the charger has it."""
        return self._by_name.get(name.lower())

    def text(self, name: str) -> str:
        """Return the value of a setting the charger is known to have."""
        return self._by_name[name.lower()].now

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
        if refusal(setting, value) is not None:
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


def refusal(setting: Setting, value: str) -> str | None:
    """Return why a value is not taken, as a reason code of OCPP 2.0.1 appendix 5."""
    if setting.readonly or setting.live is not None:
        return "ReadOnly"
    return unfit(setting, value)


def unfit(setting: Setting, value: str) -> str | None:
    """Return why a value does not fit the characteristics of the setting."""
    if not _understood(setting, value):
        return "InvalidValue"
    if setting.type in {DataType.INTEGER, DataType.DECIMAL}:
        number = float(value)
        low, high = setting.minimum, setting.maximum
        if (low is not None and number < low) or (high is not None and number > high):
            return "ValueOutOfRange"
    elif setting.type is DataType.TEXT and setting.maximum is not None:
        return "TooLargeElement" if len(value) > setting.maximum else None
    return None


def _understood(setting: Setting, value: str) -> bool:
    if setting.type is DataType.INTEGER:
        return value.isascii() and value.isdigit()
    if setting.type is DataType.DECIMAL:
        digits = value.removeprefix("-").replace(".", "", 1)
        return digits.isascii() and digits.isdigit()
    if setting.type is DataType.BOOLEAN:
        return value.lower() in {"true", "false"}
    if not setting.options:
        return True
    if setting.type in {DataType.LIST, DataType.SEQUENCE}:
        members = [member.strip() for member in value.split(",") if member.strip()]
        return all(member in setting.options for member in members)
    return value in setting.options
