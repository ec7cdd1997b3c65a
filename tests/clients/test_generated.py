"""What is generated is what the OpenAPI document says, and complete."""

import inspect
from operator import attrgetter

import msgspec
import voltgate_client
from voltgate_client import AsyncVoltgate, Voltgate, models

from clients.generate import files
from clients.generate.document import calls
from clients.generate.resources import methods
from clients.generate.sync import sync

DOCUMENT = files.document()


def test_the_generated_files_are_up_to_date() -> None:
    """After a change of the API: ``make docs``."""
    texts = files.texts()
    stale = [path.name for path, text in texts.items() if path.read_text() != text]
    assert stale == [], "run make docs"
    left = {path for path in (files.PACKAGE / "_sync").glob("*.py") if path not in texts}
    assert left == set()


def test_every_call_of_the_api_has_a_method_of_its_own() -> None:
    names = methods(DOCUMENT)
    assert len(names) == len(set(names)) == len(calls(DOCUMENT))
    clients = (Voltgate("k", "http://api.test"), AsyncVoltgate("k", "http://api.test"))
    for name in names:
        for client in clients:
            assert callable(attrgetter(name.removeprefix("client."))(client))


def test_every_argument_of_the_api_is_one_of_the_method() -> None:
    client = Voltgate("k", "http://api.test")
    for call in calls(DOCUMENT):
        method = attrgetter(f"{call.resource}.{call.name}".removeprefix("client."))(client)
        given = set(inspect.signature(method).parameters) - {"status_token"}
        assert given == {one.name for one in call.parameters}, call


def test_every_model_can_be_read() -> None:
    for name in models.__all__:
        kind = getattr(models, name)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            msgspec.json.Decoder(kind)


def test_code_for_threads_awaits_nothing() -> None:
    source = (
        "class AsyncX:\n    async def __aenter__(self): return await self.aclose()\n"
        "    async def f(self):\n        async for x in y: await async_sleep(1)\n"
        "from voltgate_client._async.z import AsyncIterator\n"
    )
    assert sync(source) == (
        "class X:\n    def __enter__(self): return self.close()\n"
        "    def f(self):\n        for x in y: sync_sleep(1)\n"
        "from voltgate_client._sync.z import Iterator\n"
    )


def test_what_is_exported_is_there() -> None:
    assert sorted(voltgate_client.__all__, key=str.lower) == sorted(
        {name for name in voltgate_client.__all__ if hasattr(voltgate_client, name)}, key=str.lower
    )
