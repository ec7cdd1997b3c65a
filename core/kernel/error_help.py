"""What each code of the error catalogue is about: why it happens, and what to do.

The pages of the documentation and the OpenAPI document are made from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from core.kernel.errors import ErrorKind


@dataclass(frozen=True, slots=True)
class Help:
    """Two short texts in Markdown: the *cause*, and the *remedy*."""

    cause: str
    remedy: str


HELP: Final[Mapping[str, Help]] = {
    "malformed_json": Help(
        "The body is empty, is not JSON, is not UTF-8, names a member twice, or is nested more "
        "than 20 levels deep.",
        "Send one JSON object, made by a JSON library and not by joining strings. `detail` says "
        "where the reader stopped.",
    ),
    "invalid_parameter": Help(
        "A field of the body, a query parameter or a header has a wrong type, format or value, "
        "or a query parameter does not exist here.",
        "`errors` lists what is wrong, each with a JSON pointer (`/limits/max_minutes`, "
        "`/query/limit`) and what is expected.",
    ),
    "unknown_field": Help(
        "The body has a field that this call does not know, such as a misspelt name.",
        "Take it out, or correct its name; `errors` points at it. Unknown fields are never "
        "ignored in requests, so that a typing error cannot start a charge without its limits.",
    ),
    "missing_request_id": Help(
        "A control call came without a `request_id`.",
        "Choose an id before you send, keep it, and send it as `request_id` (or as the header "
        "`Idempotency-Key`). See [idempotency](idempotency.md).",
    ),
    "idempotency_mismatch": Help(
        "The header `Idempotency-Key` and the field `request_id` were both sent, with different "
        "values.",
        "Send one of them, or the same value in both.",
    ),
    "invalid_cursor": Help(
        "The `cursor` is not one that this list gave out; it was cut, changed, or comes from "
        "another list.",
        "Send `next_cursor` of the previous page unchanged, with the same filters. To begin "
        "anew, leave `cursor` out.",
    ),
    "invalid_credentials": Help(
        "There is no API key, or it is wrong, expired or revoked. All of these are answered "
        "alike, so that nobody can find out which keys exist.",
        "Send `Authorization: Bearer vg_...` with the whole key. Look at your keys with `GET "
        "/v1/api_keys` (with another key), or ask your operator for one.",
    ),
    "signature_required": Help(
        "The call must be signed and is not: the API key has `require_signature`, or the operator "
        "demands signatures of live control calls. Once you can sign, changes of keys are signed, "
        "too.",
        "Sign it with a signing key of this API key, see [request signing](request-signing.md). "
        "`GET /v1/partner` tells what is demanded.",
    ),
    "invalid_signature": Help(
        "A signature came that does not hold; that is refused also where none is asked for.",
        "`detail` says what is wrong: a part that must be covered (`missing_components`), a body "
        "that is not the one of `Content-Digest`, a clock (`server_time`), a `keyid`. In test mode "
        "compare `signature_base` with yours, line by line. See "
        "[request signing](request-signing.md).",
    ),
    "signature_replayed": Help(
        "The nonce of the signature was used before with this signing key, also if that request "
        "was refused.",
        "Sign each attempt anew, with a new nonce and the same `request_id`: a control call that "
        "was accepted answers with the same operation.",
    ),
    "insufficient_scope": Help(
        "The key is good, but has none of the scopes that this call needs.",
        "The [reference](reference.md) names the scopes of each call. Change the key with "
        "`PATCH /v1/api_keys/{id}`, or use another one.",
    ),
    "ip_not_allowed": Help(
        "The key has an `ip_allowlist`, and the connection comes from an address that is not on "
        "it.",
        "Call from a listed network, or change the list. Only the address of the connection "
        "counts, not what a header claims.",
    ),
    "station_not_granted": Help(
        "Your operator lets you see this station, but not control it.",
        "Offer your drivers the stations with `control: true` in `GET /v1/partner`, or ask your "
        "operator for the grant.",
    ),
    "partner_suspended": Help(
        "Your operator has suspended you: you can read, and stop your own sessions, and nothing "
        "else.",
        "Ask your operator. Sessions that run go on; stop them with `stop_charge` if you want.",
    ),
    "temporarily_banned": Help(
        "Calls of yours looked like misuse, so they are refused for a while. Stopping your own "
        "sessions works all the time.",
        "Wait until `until`, and mend what led to it: repeated failing logins, guessed ids, "
        "starts that never become a charge. Ask your operator for the evidence.",
    ),
    "test_mode_only": Help(
        "Test helpers and the inbox belong to [test mode](test-mode.md), and the key is a live "
        "one.",
        "Use a key that begins with `vg_test_`.",
    ),
    "not_found": Help(
        "There is no such object or address, or it belongs to somebody else or to the other "
        "mode. All of these are answered alike.",
        "Check the id, and that a test key is used for what a test key made. A station that was "
        "taken from you is not found any more either.",
    ),
    "method_not_allowed": Help(
        "The address exists, but not with this HTTP method.",
        "The header `Allow` names the methods that it has.",
    ),
    "charger_offline": Help(
        "The charger has no connection to the platform, so it cannot be asked. Nothing was sent.",
        "Offer the driver another connector, or try again later with the same `request_id`. "
        "Watch `charger.online` or the status of the connector.",
    ),
    "connector_busy": Help(
        "A session or another start goes on at the connector. Of several starts at once exactly "
        "one wins.",
        "Look at `GET /v1/connectors/{id}`, and try again when the connector is available.",
    ),
    "connector_faulted": Help(
        "The charger reports a fault of the connector.",
        "Offer another connector. The status changes when the fault is gone.",
    ),
    "connector_reserved": Help(
        "The connector is kept for somebody else.",
        "If the reservation is yours, send its `reservation_id` with the start. Else choose "
        "another connector.",
    ),
    "connector_unavailable": Help(
        "The connector was taken out of service.",
        "Offer another connector until its status is `available` again.",
    ),
    "session_not_active": Help(
        "The session has ended, or cannot be stopped in its state.",
        "Read the session; there is nothing left to stop.",
    ),
    "operation_not_cancellable": Help(
        "The charger has been asked already, or the operation is final.",
        "Wait for the outcome. To undo a start send `stop_charge` with its `start_request_id`.",
    ),
    "request_in_progress": Help(
        "A request with the same `request_id` is being handled at this moment.",
        "Send it again after a second; you get the operation of the first.",
    ),
    "conflict": Help(
        "What was asked does not fit the state of the object: it exists already, is in use, or "
        "has moved on.",
        "`detail` says what stands in the way. Read the object, then decide anew.",
    ),
    "body_too_large": Help(
        "The body has more bytes than this call takes.",
        "Send less; `detail` names the limit. `metadata` has at most 4 kB.",
    ),
    "unsupported_media_type": Help(
        "The body was not declared as JSON.",
        "Send `Content-Type: application/json`.",
    ),
    "idempotency_key_reused": Help(
        "This `request_id` was used before, for a request with another body. Nothing happened.",
        "Choose a new id for each new intention, and keep it for repeats of the same request "
        "alone. `operation_id` names the operation of the first. See "
        "[idempotency](idempotency.md).",
    ),
    "limit_invalid": Help(
        "A limit of the session cannot be kept, such as one in a currency that the tariff does "
        "not have.",
        "Change or leave out the limit that `detail` names.",
    ),
    "expiry_out_of_range": Help(
        "The time is in the past, too near, or further ahead than allowed.",
        "Send a time within the range that `detail` names, in RFC 3339 with an offset.",
    ),
    "webhook_url_forbidden": Help(
        "Webhooks may not be sent to this address: it is not `https`, not public, or on a port "
        "that is not allowed.",
        "Use a public `https` address. While you develop, use the inbox of [test "
        "mode](test-mode.md) or `voltgate listen`.",
    ),
    "document_refused": Help(
        "The bytes are not a document of an accepted kind, whatever its name says.",
        "Send a PDF, PNG or JPEG that opens without a password; `detail` says what was found.",
    ),
    "payload_invalid": Help(
        "For operators: the payload does not fit the schema of the OCPP action.",
        "`errors` points at the place. The schema is that of the OCPP version of the charger.",
    ),
    "rate_limited": Help(
        "More calls in a minute, or more open streams, than you may have; `limit` names which.",
        "Wait for `Retry-After` seconds. Each answer tells in `RateLimit` what is left; see "
        "[limits](limits.md). Replace polling by webhooks.",
    ),
    "too_many_active_operations": Help(
        "You have as many unfinished operations, or open reservations, as you may.",
        "Wait until some are final, or cancel what nobody needs; `limit` says which of the two "
        "it is.",
    ),
    "abnormal_usage": Help(
        "Calls of yours follow a pattern that looks like misuse, so this one was refused.",
        "Slow down and wait for `Retry-After` seconds. If the pattern is your normal use, tell "
        "your operator.",
    ),
    "internal_error": Help(
        "A bug on our side. It has been logged with the id of your request.",
        "Send the same request again with the same `request_id`: it is carried out once. If it "
        "stays, name the `request_id` of the problem to your operator.",
    ),
    "not_implemented": Help(
        "This part of the API is switched off here, or does not exist yet.",
        "`detail` says which; leave it out.",
    ),
    "overloaded": Help(
        "The platform has more to do than it can at this moment, and refuses early instead of "
        "late.",
        "Wait for `Retry-After` seconds, then send the same request with the same `request_id`.",
    ),
    "dependency_unavailable": Help(
        "A part that the platform needs, such as its database, does not answer. Nothing was done.",
        "Wait for `Retry-After` seconds, then send the same request with the same `request_id`.",
    ),
    "events_expired": Help(
        "Events are kept for a while (90 days, unless your operator chose otherwise), and what "
        "follows the number that you named has been deleted in part.",
        "Read the present state of your operations, sessions and orders, then go on with the "
        "newest events.",
    ),
}


def help_of(kind: ErrorKind) -> Help:
    """Return what is known about a code; at least its title."""
    return HELP.get(kind.code) or Help(f"{kind.title}.", "`detail` says what to do.")
