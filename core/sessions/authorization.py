"""Whether a token may charge, and on whose behalf."""

from dataclasses import dataclass, replace

from core.chargers import id_tokens
from core.chargers.id_tokens import Presented, TokenCheck
from core.chargers.record_models import IdToken
from core.chargers.states import TokenStatus
from core.kernel.db import Tx
from core.operations import service as operations
from core.operations.states import MACHINE, OperationStatus
from core.sessions import store, token_store
from core.sessions.models import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The verdict on a token; *group_token* may stop what the token started.

    *about* is the token on the platform's list, if it is there: what the charger is told of it
    besides the verdict, such as its expiry.
    """

    status: TokenStatus
    group_token: str | None = None
    partner_id: str | None = None
    about: IdToken | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What the charger is told: its session and whether the token may charge.

    *session* is ``None`` where the message could not be believed and was only kept. *about* as in
    ``Judged``.
    """

    session: Session | None
    status: TokenStatus
    group_token: str | None = None
    about: IdToken | None = None


async def authorize(
    tx: Tx,
    charger_id: str,
    token: str,
    *,
    kind: str | None = None,
    evse: int | None = None,
    may_start: bool = False,
) -> Judged:
    """Judge a token presented at a charger (Authorize, or to end a transaction).

    A token made for one remote start is good while that start is under way and while the session
    that it became is open, and for nothing else. A master pass is good here: it ends sessions of
    others (OCPP 2.0.1 C16). Nothing is said of other sessions of the token (OCPP 1.6 7.2: only
    relevant for a start).

    Args:
        may_start: The charger may begin a transaction on an acceptance, as it knows no master pass
            (OCPP 1.6): one is good then only while it can end something there.
    """
    start = await operations.start_of_token(
        tx, charger_id=charger_id, token=token, remote_start_id=None
    )
    if start is None:
        presented = Presented(charger_id=charger_id, evse=evse, kind=kind, master_pass=True)
        judged = _judged(await id_tokens.check(tx, token, now=tx.now, presented=presented))
        if may_start and not await _is_useful(tx, charger_id, judged):
            return replace(judged, status=TokenStatus.INVALID)
        return judged
    group = await group_of(tx, start.body.get("id_token"))
    if start.status in MACHINE.unfinished:
        return Judged(status=TokenStatus.ACCEPTED, group_token=group)
    session = None if start.session_id is None else await store.by_id(tx, start.session_id)
    good = start.status is OperationStatus.SUCCEEDED and session is not None and session.is_open
    return Judged(status=TokenStatus.ACCEPTED if good else TokenStatus.EXPIRED, group_token=group)


async def judge(
    tx: Tx,
    token: str,
    *,
    charger_id: str,
    besides: str | None = None,
    kind: str | None = None,
    evse: int | None = None,
) -> Judged:
    """Judge a token of the platform's own list that begins a session.

    One that may have a number of sessions at a time and has them already is ``concurrent``.

    Args:
        besides: The session itself, if it is there by now.
    """
    presented = Presented(charger_id=charger_id, evse=evse, kind=kind)
    found = await id_tokens.check(tx, token, now=tx.now, presented=presented)
    judged = _judged(found)
    most = None if found.about is None else found.about.max_sessions
    if judged.status is TokenStatus.ACCEPTED and most is not None and found.about is not None:
        others = await token_store.open_sessions(tx, found.about.token, besides=besides)
        if others >= most:
            return replace(judged, status=TokenStatus.CONCURRENT)
    return judged


async def _is_useful(tx: Tx, charger_id: str, judged: Judged) -> bool:
    """Tell whether a token does more than ending sessions, or has one of its group to end."""
    if judged.status is not TokenStatus.ACCEPTED or judged.about is None:
        return True
    if not judged.about.master_pass:
        return True
    for session in await store.open_of_charger(tx, charger_id):
        if judged.group_token == await _group_of_session(tx, session):
            return True
    return False


async def _group_of_session(tx: Tx, session: Session) -> str | None:
    """Return the group that a charger was told for a session, if any."""
    if session.operation_id is None:
        return await group_of(tx, session.token)
    operation = await operations.get(tx, session.operation_id)
    return await group_of(tx, operation.body.get("id_token"))


async def group_of(tx: Tx, token: str | None) -> str | None:
    """Return the group of a token on the platform's list, if it has one."""
    about = await about_of(tx, token)
    return None if about is None else about.group_token


async def about_of(tx: Tx, token: str | None) -> IdToken | None:
    """Return the token on the platform's list, if it is there."""
    if token is None:
        return None
    return (await id_tokens.check(tx, token, now=tx.now)).about


def _judged(check: TokenCheck) -> Judged:
    return Judged(
        status=check.status,
        group_token=check.group_token,
        partner_id=check.partner_id,
        about=check.about,
    )
