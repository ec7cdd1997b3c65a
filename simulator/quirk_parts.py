"""What quirks are made of."""

import re
from typing import Any

from simulator.quirk_hooks import Quirk
from simulator.station import Station

CALL = 2
CALLRESULT = 3
ZULU = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z")
TRANSACTIONS = frozenset({"StartTransaction", "MeterValues", "StopTransaction"})
REGISTER = "Energy.Active.Import.Register"


def is_call(frame: list[Any], *actions: str) -> bool:
    """Tell whether *frame* is a CALL, of one of *actions* if any are given."""
    return frame[0] == CALL and (not actions or frame[2] in actions)


def with_payload(frame: list[Any], **changes: Any) -> list[Any]:
    """Return a CALL with members of its payload changed."""
    return [*frame[:3], {**frame[3], **changes}]


def mapped(node: Any, change: Any) -> Any:
    """Return a JSON value with every text changed."""
    match node:
        case str():
            return change(node)
        case list():
            return [mapped(item, change) for item in node]
        case dict():
            return {name: mapped(item, change) for name, item in node.items()}
        case _:
            return node


class Own(Quirk):
    """A quirk with state of its own, which is made for each charger."""

    station: Station

    def bind(self, station: Station) -> Quirk:
        """Return a new one for *station*."""
        own = type(self)()
        own.station = station
        return own
