"""S11: a partner cannot tell another's object from nothing, on every route, in every place."""

import json
from dataclasses import dataclass, field

import pytest

from tests.partner_api.furnished import Furnished, Side
from tests.partner_api.probes import (
    Neutral,
    Place,
    hidden_ids,
    known,
    neutral,
    places,
    request,
    unknown_ids,
    wrong_ids,
)
from tests.partner_api.surface import validator

PLACES = list(places())


@dataclass(slots=True)
class Looking:
    """What is asked, and how many statements the database saw for it, where they are counted."""

    furnished: Furnished
    statements: list[str] = field(default_factory=list)

    def count_statements(self) -> None:
        connection = self.furnished.db._engine._raw  # type: ignore[attr-defined]
        connection.set_trace_callback(self._note)

    def _note(self, statement: str) -> None:
        if not statement.startswith("UPDATE api_keys SET last_used_at"):  # now and then
            self.statements.append(statement)

    async def at(self, place: Place, side: Side, id_: str) -> tuple[Neutral, int]:
        target, body = request(place, side, self.furnished.db, id_)
        self.statements.clear()
        key = side.key_for(place.call)
        answer = await self.furnished.ask(side, place.call.method, target, body=body, key=key)
        return neutral(answer), len(self.statements)


def refusals(place: Place, side: Side) -> set[int]:
    """Return how an id that nobody has may be answered."""
    if place.kind == "application_id":
        return {401}
    if place.call.path.startswith("/v1/test_helpers") and side.livemode:
        return {403}
    return {200, 404} if place.inside == "query" else {404}


@pytest.mark.timeout(240)  # thousands of calls, and slower while coverage is measured
async def test_s11_every_route_answers_alike_for_what_is_hidden_unknown_or_impossible(
    furnished: Furnished,
) -> None:
    """Same bytes, same headers, as many statements (the time depends on them); nothing written."""
    before, looking, count = await furnished.stored(), Looking(furnished), 0
    looking.count_statements()
    told: list[tuple[str, str]] = []
    for turn, place in enumerate(PLACES):
        for side in (furnished.scene.live, furnished.scene.test):
            expected = await reference(looking, place, side)
            ids = [
                *unknown_ids(place.kind, side)[1:],
                *hidden_ids(place.kind, side, furnished.scene),
            ]
            if not place.takes_any:
                ids += wrong_ids(place.kind, side, furnished.scene, turn + side.livemode)
            for id_ in ids:
                found = await looking.at(place, side, id_)
                is_refused = place.inside != "path" and not validator(place.schema).is_valid(id_)
                if (found[0].status != 400) if is_refused else (found != expected):
                    told.append((str(place), id_))
            count += len(ids) + 1
    assert told == [], "\n".join(map(str, told))
    assert await furnished.stored() == before
    assert count >= 2_000
    print(f"{count} probes in {len(PLACES)} places")  # noqa: T201 - pytest -s shows it


async def test_s11_the_same_on_postgresql(furnished_postgres: Furnished) -> None:
    furnished = furnished_postgres
    before, looking = await furnished.stored(), Looking(furnished)
    for place in PLACES:
        for side in (furnished.scene.live, furnished.scene.test):
            expected = await reference(looking, place, side)
            for id_ in hidden_ids(place.kind, side, furnished.scene):
                found = await looking.at(place, side, id_)
                assert found == expected, (str(place), id_)
    assert await furnished.stored() == before


async def reference(looking: Looking, place: Place, side: Side) -> tuple[Neutral, int]:
    """Return the answer for an id that nobody has, if it is one; own ids get another."""
    expected = await looking.at(place, side, unknown_ids(place.kind, side)[0])
    neutral_ = expected[0]
    assert neutral_.status in refusals(place, side), (str(place), neutral_.body)
    if neutral_.status == 200:
        assert json.loads(neutral_.body)["data"] == [], str(place)
    if place.call.method == "GET" and neutral_.status != 403:
        own, _ = await looking.at(place, side, own_id(looking, place, side))
        assert own.status == 200, (str(place), own)
        assert own != neutral_, (str(place), "does not look at the id")
    return expected


def own_id(looking: Looking, place: Place, side: Side) -> str:
    if place.kind == "request_id":
        return side.has.request_id
    return str(known(side, looking.furnished.db)[place.kind])
