"""S11: what a partner could infer of another from where nobody looks: lists, counters, cursors."""

from dataclasses import asdict

from core.webhooks.endpoints import MAX_ENDPOINTS
from partner_api.app import release
from tests.partner_api.asgi import Answer
from tests.partner_api.furnished import Furnished, Scene, Side
from tests.partner_api.furniture import in_an_hour
from tests.partner_api.probes import neutral
from tests.partner_api.surface import CALLS, Call

LISTS = [
    call for call in CALLS if call.method == "GET" and "{" not in call.path and not call.is_stream
]
PAGED = [call for call in LISTS if any(one["name"] == "cursor" for one in call.parameters)]
BY_NUMBER = [call for call in CALLS if any(one["name"] == "after_seq" for one in call.parameters)]


def sides(scene: Scene) -> tuple[Side, Side]:
    return scene.live, scene.test


def secrets_of(side: Side, scene: Scene) -> list[str]:
    """Return what nobody but their owner may ever read: ids and texts of whoever is foreign."""
    found = []
    for other in scene.foreign_to(side):
        found += [
            value
            for name, value in asdict(other.has).items()
            if name != "partner_id" or other.partner_id != side.partner_id
        ]
        found += [id_ for ids in other.gone.values() for id_ in ids]
        found.append(other.key)
    return found


def leaked(answer: Answer, hidden: list[str]) -> list[str]:
    text = answer.body.decode() + repr(answer.headers)
    return [value for value in hidden if value in text]


def where(side: Side, call: Call) -> str:
    return call.path.format(**side.ids())


async def test_s11_no_list_and_no_stream_shows_anything_of_others(furnished: Furnished) -> None:
    for side in sides(furnished.scene):
        hidden, shown = secrets_of(side, furnished.scene), 0
        for call in LISTS:
            answer = await furnished.ask(side, "GET", call.path)
            assert leaked(answer, hidden) == [], call.path
            shown += answer.body.count(b'"id":')
        assert shown > 10


async def test_s11_a_cursor_of_another_is_a_point_in_time_and_nothing_else(
    furnished: Furnished,
) -> None:
    """Whether the row that it names exists makes no difference."""
    assert len(PAGED) >= 6
    for side in sides(furnished.scene):
        hidden = secrets_of(side, furnished.scene)
        for call in PAGED:
            if call.path.startswith("/v1/test_helpers") and side.livemode:
                continue
            for other in furnished.scene.foreign_to(side):
                page = (await furnished.ask(other, "GET", f"{call.path}?limit=1")).json()
                cursor = page.get("next_cursor")
                if cursor is None:
                    continue
                answer = await furnished.ask(side, "GET", f"{call.path}?cursor={cursor}")
                assert answer.status == 200, (call.path, answer.body)
                assert leaked(answer, hidden) == []


async def test_s11_numbers_of_events_have_no_gaps_where_others_have_theirs(
    furnished: Furnished,
) -> None:
    for side in sides(furnished.scene):
        found = (await furnished.ask(side, "GET", "/v1/events?limit=200")).json()
        numbers = [event["seq"] for event in found["data"]]
        other_mode = furnished.scene.test if side is furnished.scene.live else furnished.scene.live
        more = (await furnished.ask(other_mode, "GET", "/v1/events?limit=200")).json()
        both = sorted(numbers + [event["seq"] for event in more["data"]])
        assert both == list(range(1, len(both) + 1)), "one partner's modes share a counter"


async def test_s11_after_seq_beyond_or_before_shows_nothing_of_others(
    furnished: Furnished,
) -> None:
    assert {call.name for call in BY_NUMBER} >= {"list_events", "list_statuses"}
    for side in sides(furnished.scene):
        hidden = secrets_of(side, furnished.scene)
        for call in BY_NUMBER:
            if call.is_stream:
                continue
            for number in (0, 1, 2**62):
                target = f"{where(side, call)}?after_seq={number}"
                answer = await furnished.ask(side, "GET", target)
                assert answer.status == 200
                assert leaked(answer, hidden) == []


async def test_s11_an_entity_tag_of_another_is_not_ones_own(furnished: Furnished) -> None:
    tagged = 0
    for call in LISTS:
        for side in sides(furnished.scene):
            for other in furnished.scene.foreign_to(side):
                tag = (await furnished.ask(other, "GET", call.path)).header("etag")
                if tag is None:
                    continue
                tagged += 1
                sent = [("if-none-match", tag)]
                theirs = await furnished.ask(side, "GET", call.path, headers=sent)
                nobodys = await furnished.ask(
                    side, "GET", call.path, headers=[("if-none-match", f'"{"0" * 32}"')]
                )
                assert theirs.status == 200
                assert neutral(theirs) == neutral(nobodys)
    assert tagged


async def test_s11_a_request_id_of_another_is_free(furnished: Furnished) -> None:
    """Neither replayed nor refused: request_ids are the partner's own, in each mode."""
    scene = furnished.scene
    for side in sides(scene):
        for other in scene.foreign_to(side):
            body = {"request_id": other.has.request_id, "reservation_id": side.has.reservation_id}
            answer = await furnished.ask(side, "POST", "/v1/cancel_reservation", body=body)
            assert answer.status == 202, answer.body
            assert answer.header("idempotency-replayed") is None
            assert leaked(answer, [*other.ids().values()][:8]) == []
            reused = {"request_id": other.has.request_id, "session_id": side.has.session_id}
            refused = await furnished.ask(side, "POST", "/v1/stop_charge", body=reused)
            assert (refused.status, refused.json()["code"]) == (422, "idempotency_key_reused")
            assert refused.json()["operation_id"] == answer.json()["id"]


async def test_s11_counters_are_ones_own(furnished: Furnished) -> None:
    """Another's endpoints, calls and keys take nothing of what one may have."""
    scene = furnished.scene
    body = {"url": "http://127.0.0.1:9999/many"}
    for _ in range(MAX_ENDPOINTS - 1):
        answer = await furnished.ask(scene.their_live, "POST", "/v1/webhook_endpoints", body=body)
        assert answer.status == 201
    full = await furnished.ask(scene.their_live, "POST", "/v1/webhook_endpoints", body=body)
    assert full.status == 409
    for side in (*sides(scene), scene.their_test):
        answer = await furnished.ask(side, "POST", "/v1/webhook_endpoints", body=body)
        assert answer.status == 201
    left = await remaining(furnished, scene.their_live)
    for _ in range(50):
        await furnished.ask(scene.live, "GET", f"/v1/sessions/{scene.their_live.has.session_id}")
    assert await remaining(furnished, scene.their_live) >= left - 2


async def remaining(furnished: Furnished, side: Side) -> int:
    text = (await furnished.ask(side, "GET", "/v1/partner")).header("ratelimit") or ""
    return int(text.partition(";r=")[2].partition(";")[0])


async def test_s11_a_long_poll_for_anothers_operation_does_not_wait(furnished: Furnished) -> None:
    scene = furnished.scene
    began = furnished.db.clock.monotonic()
    target = f"/v1/operations/{scene.their_live.has.operation_id}?wait=30"
    assert (await furnished.ask(scene.live, "GET", target)).status == 404
    assert furnished.db.clock.monotonic() - began < 10


async def test_s11_a_connector_one_may_only_see_says_so_before_anything_of_its_state(
    furnished: Furnished,
) -> None:
    """403 whatever goes on there; and 404 for one that one may not see, never 403 or 409."""
    scene = furnished.scene
    for call in ("start_charge", "reserve", "unlock_connector"):
        body = {"request_id": f"see-{call}", "connector_id": scene.view_only_connector_id}
        if call == "reserve":
            body["expires_at"] = in_an_hour(furnished.db)
        answer = await furnished.ask(scene.live, "POST", f"/v1/{call}", body=body)
        assert (answer.status, answer.json()["code"]) == (403, "station_not_granted")
        hidden = await furnished.ask(scene.their_live, "POST", f"/v1/{call}", body=body)
        assert (hidden.status, hidden.json()["code"]) == (404, "not_found")
    reading = f"/v1/connectors/{scene.view_only_connector_id}"
    assert (await furnished.ask(scene.live, "GET", reading)).status == 200


async def test_s11_at_a_shared_connector_one_learns_that_it_is_busy_and_no_more(
    furnished: Furnished,
) -> None:
    """Both may charge there; whose session, reservation or operation it is stays hidden."""
    scene, place = furnished.scene, furnished.scene.shared
    theirs, ours = scene.their_live, scene.live
    body = {
        "request_id": "theirs-here",
        "connector_id": place.connector_id,
        "user_ref": "their-ref",
    }
    begun = (await furnished.ask(theirs, "POST", "/v1/start_charge", body=body)).json()
    hidden = [begun["id"], "theirs-here", "their-ref", theirs.partner_id]
    answers = []
    for call in ("start_charge", "unlock_connector", "reserve"):
        mine = {"request_id": f"mine-{call}", "connector_id": place.connector_id}
        if call == "reserve":
            mine["expires_at"] = in_an_hour(furnished.db)
        answers.append(await furnished.ask(ours, "POST", f"/v1/{call}", body=mine))
    assert answers[0].json()["code"] == "connector_busy"
    stop = {"request_id": "mine-stop", "start_request_id": "theirs-here"}
    answers.append(await furnished.ask(ours, "POST", "/v1/stop_charge", body=stop))
    assert answers[-1].status == 404
    answers += [await furnished.ask(ours, "GET", call.path) for call in LISTS]
    answers.append(await furnished.ask(ours, "GET", f"/v1/stations/{place.station_id}"))
    answers.append(await furnished.ask(ours, "GET", f"/v1/connectors/{place.connector_id}"))
    assert [leaked(answer, hidden) for answer in answers if leaked(answer, hidden)] == []


async def test_s11_the_stream_of_events_is_ones_own(furnished: Furnished) -> None:
    """Wherever it begins: at nothing, or after a number that only another has reached."""
    for side in sides(furnished.scene):
        hidden = secrets_of(side, furnished.scene)
        for headers in ([("last-event-id", "0")], [("last-event-id", "1")], []):
            release(furnished.app)  # it ends after what is there
            answer = await furnished.ask(side, "GET", "/v1/events/stream", headers=headers)
            assert answer.status == 200
            assert leaked(answer, hidden) == []
