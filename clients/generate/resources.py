"""``_async/resources.py`` and ``_async/api.py`` of the client: a method for each call."""

from collections.abc import Iterator
from itertools import groupby
from textwrap import indent, wrap
from typing import Final

from clients.generate.document import (
    CLIENT,
    Call,
    Parameter,
    Schema,
    calls,
    item_of_list,
    without_null,
)
from clients.generate.models import NOTE, enum_names
from clients.generate.types_of import sent

EXTENDED: Final = frozenset({"events", "operations"})
"""Resources to which more is added by hand, in ``extended.py``."""

_OPERATION: Final = "Operation"
_HEAD: Final = f'''\
"""The resources of the API, a method for each call.

{NOTE}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec import UNSET, UnsetType

from voltgate_client import models
from voltgate_client._async.listing import AsyncListing
from voltgate_client._async.operation import AsyncOperation
from voltgate_client._async.sender import AsyncSender
from voltgate_client._async.stream import AsyncStream
from voltgate_client._call import Call, path_of
from voltgate_client.models import Page


class AsyncResource:
    """Calls that belong together."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender
'''
_API_HEAD: Final = f'''\
"""All resources in one place.

{NOTE}
"""

from __future__ import annotations

from voltgate_client._async import resources
from voltgate_client._async.extended import {{extended}}
from voltgate_client._async.sender import AsyncSender
'''


def resources(document: Schema) -> str:
    """Return the text of ``resources.py``."""
    return "\n\n".join([_HEAD, *_classes(document)])


def api(document: Schema) -> str:
    """Return the text of ``api.py``."""
    names = _resources(document)
    tops = [name for name in names if "." not in name and name != CLIENT]
    tops += sorted({name.partition(".")[0] for name in names if "." in name})
    lines = [
        _API_HEAD.format(extended=", ".join(sorted(f"Async{_class(n)}" for n in EXTENDED))),
        f"class AsyncApi(resources.Async{_class(CLIENT)}):",
        '    """What a client can ask for."""',
        "",
        "    def __init__(self, sender: AsyncSender) -> None:",
        "        super().__init__(sender)",
    ]
    for name in sorted(tops):
        where = "" if name in EXTENDED else "resources."
        lines.append(f"        self.{name} = {where}Async{_class(name)}(sender)")
    return "\n".join(lines) + "\n"


def methods(document: Schema) -> list[str]:
    """Return the full names of all methods, such as ``sessions.get``."""
    return [f"{call.resource}.{call.name}" for call in calls(document)]


def _resources(document: Schema) -> list[str]:
    return sorted({call.resource for call in calls(document)})


def _classes(document: Schema) -> Iterator[str]:
    ordered = sorted(calls(document), key=lambda call: call.resource)
    inner: dict[str, list[str]] = {}
    for resource, found in groupby(ordered, key=lambda call: call.resource):
        outer, _, below = resource.partition(".")
        if below:
            inner.setdefault(outer, []).append(below)
        base = "Calls" if resource in EXTENDED else ""
        yield _heading(f"Async{_class(resource)}{base}", resource) + "\n\n".join(
            indent(_method(document, call), "    ") for call in found
        )
    for outer, names in inner.items():
        lines = [
            "",
            "    def __init__(self, sender: AsyncSender) -> None:",
            "        super().__init__(sender)",
        ]
        lines += [
            f"        self.{name} = Async{_class(f'{outer}.{name}')}(sender)" for name in names
        ]
        yield _heading(f"Async{_class(outer)}", outer) + "\n".join(lines)


def _heading(name: str, resource: str) -> str:
    about = "The control calls" if resource == CLIENT else f"``client.{resource}``"
    return f'class {name}(AsyncResource):\n    """{about}."""\n\n'


def _class(resource: str) -> str:
    if resource == CLIENT:
        return "Control"
    return "".join(part.capitalize() for part in resource.replace(".", "_").split("_"))


def _method(document: Schema, call: Call) -> str:
    item = None if call.answer is None else item_of_list(document, call.answer)
    if call.is_stream:
        return _stream(document, call)
    is_paged = call.method == "GET" and item is not None
    answer = _type(item or call.answer)
    if is_paged:
        returned, whole = f"AsyncListing[{answer}]", f"Page[{answer}]"
    else:
        whole = f"Page[{answer}]" if item else answer
        returned = whole
    made = f"Call({', '.join(_arguments(call, whole))})"
    signature = ", ".join(_signature(document, call))
    lines = [
        f"{'' if is_paged else 'async '}def {call.name}({signature}) -> {returned}:",
        *_docstring(call),
        f"    return AsyncListing(self._sender, {made})"
        if is_paged
        else f"    return await self._sender.send({made})",
    ]
    return "\n".join(lines) + "\n"


def _stream(document: Schema, call: Call) -> str:
    answer = _type(call.answer)
    lines = [
        f"def {call.name}({', '.join(_signature(document, call))}) -> AsyncStream[{answer}]:",
        *_docstring(call),
        f"    return AsyncStream(self._sender, Call({', '.join(_arguments(call, answer))}))",
    ]
    return "\n".join(lines) + "\n"


def _type(name: str | None) -> str:
    if name is None:
        return "bytes"
    return f"Async{name}" if name == _OPERATION else f"models.{name}"


def _signature(document: Schema, call: Call) -> Iterator[str]:
    yield "self"
    yield from (f"{one.name}: str" for one in call.parameters if one.place == "path")
    named = [one for one in call.parameters if one.place != "path"]
    if named or call.of_application:
        yield "*"
    if call.of_application:
        yield "status_token: str"
    for one in sorted(named, key=lambda one: not _is_required(call, one)):
        type_ = sent(one.schema, is_enum=enum_names(document), prefix="models.")
        if _is_required(call, one):
            yield f"{one.name}: {type_}"
        elif call.method == "PATCH" and one.place == "body":
            given = type_.removesuffix(" | None")
            null = " | None" if given != type_ else ""
            yield f"{one.name}: {given} | UnsetType{null} = UNSET"
        else:
            _, nullable = without_null(one.schema)
            yield f"{one.name}: {type_ if nullable else f'{type_} | None'} = None"


def _is_required(call: Call, one: Parameter) -> bool:
    return one.required and not _is_made(call, one)


def _is_made(call: Call, one: Parameter) -> bool:
    """Tell whether the client thinks of it if the caller does not."""
    return call.is_control and one.name == "request_id"


def _arguments(call: Call, whole: str) -> Iterator[str]:
    yield whole
    yield f'"{call.method}"'
    ids = [one.name for one in call.parameters if one.place == "path"]
    path = "/".join("{}" if part.startswith("{") else part for part in call.path.split("/"))
    yield f'path_of("{path}", {", ".join(ids)})' if ids else f'"{path}"'
    for place in ("query", "body"):
        found = [one.name for one in call.parameters if one.place == place]
        if found:
            members = ", ".join(f'"{name}": {name}' for name in found)
            yield f"{place}={{{members}}}"
    if any(one.place == "file" for one in call.parameters):
        yield "content=content"
    if call.method == "PATCH":
        yield "is_change=True"
    if call.is_control:
        yield "is_control=True"
    if call.is_repeatable:
        yield "repeatable=True"
    if call.of_application:
        yield "token=status_token"


def _docstring(call: Call) -> list[str]:
    paragraphs = [" ".join(part.split()) for part in call.text.split("\n\n")]
    texts = {one.name: one.text for one in call.parameters if one.text}
    if call.is_control:
        texts["request_id"] = "Chosen for you if you give none; kept over retries."
    if call.of_application:
        texts = {"status_token": "Of the application, ``vg_app_...``."} | texts
    body = [line for part in paragraphs[1:] for line in ("", *wrap(part, 88))]
    if texts:
        body += ["", "Args:"]
        for name, text in texts.items():
            words = " ".join(text.split())
            body += wrap(
                f"{name}: {words}", 88, initial_indent="    ", subsequent_indent="        "
            )
    first = wrap(paragraphs[0], 88)
    if not body and len(first) == 1:
        return [f'    """{first[0]}"""']
    lines = [f'"""{first[0]}', *first[1:], *body, '"""']
    return [f"    {line}".rstrip() for line in lines]
