"""Use cases of a charger's password: changed over the air, without a gap to fall into (A01).

The new key is stored before anything is sent. From then until it is known whether the charger
took it, both the old key and the new one open the door:

* the charger says Accepted: the new one alone (A01.FR.03);
* the charger refuses: the old one alone (A01.FR.04);
* nothing is heard, or a node dies: both. A login with the new one proves that the charger has it,
  and ends the old one. A login with the old one only proves that the charger did not have the new
  one yet when it dialled: the same new key is sent again.

So there is no instant at which a crash leaves a charger with a key that nobody accepts.
"""

import json
from typing import Final

from core.audit import service as audit
from core.audit.service import PLATFORM, Actor
from core.chargers import passwords, registry, security_events, store
from core.chargers.models import Charger
from core.commands import service as commands
from core.commands.commands import Answer, Command, Verdict, seal_context
from core.commands.security import SetPassword
from core.desired import service as desired
from core.desired.kinds import KINDS, Kind, Outcome
from core.desired.models import Desired
from core.desired.states import DesiredStatus
from core.kernel import failpoints
from core.kernel.crypto import Vault
from core.kernel.db import Tx
from core.kernel.errors import PlatformError

KEY: Final = "basic_auth"
REBOOT_REQUIRED: Final = "RebootRequired"
_REFUSALS: Final = frozenset({Verdict.REJECTED, Verdict.NOT_SUPPORTED})
_UNDER_WAY: Final = frozenset({DesiredStatus.PENDING, DesiredStatus.SENT})


async def rotate(tx: Tx, vault: Vault, actor: Actor, charger_id: str) -> Desired:
    """Give a charger a new random key, now or when it is back; nobody sees the key.

    Raises:
        PlatformError: ``not_found``; ``conflict``: a change is under way, or the charger has no
            password at all.
    """
    charger = await registry.get(tx, charger_id)
    if charger.credential is None:
        raise PlatformError("conflict", "The charger has no password; set one first.")
    known = await desired.find(tx, charger.id, PASSWORD.name, KEY)
    if known is not None and known.status in _UNDER_WAY:
        raise PlatformError(
            "conflict", "A change of its password is under way; see it, or cancel it."
        )
    if charger.next_credential is not None:  # it may have that one by now: no third key
        if known is None:
            raise PlatformError(
                "conflict",
                "Nobody knows which of two keys the charger has; set its password by hand.",
            )
        return await desired.retry(tx, actor, known.id)
    new = passwords.generate()
    sealed = vault.ring.encrypt(json.dumps({"password": new}), context=seal_context(charger.id))
    hashed = passwords.hashed(vault.hasher, new.encode())
    await store.change_charger(tx, charger.id, next_credential=hashed, next_credential_sends=0)
    await audit.record(tx, actor, "charger.password_rotated", charger.id)
    return await desired.want(
        tx, actor, charger, kind=PASSWORD.name, key=KEY, wanted={}, sealed=sealed
    )


async def state(tx: Tx, charger_id: str) -> Desired | None:
    """Return the last change of a charger's password, ``None`` if there was none."""
    return await desired.find(tx, charger_id, PASSWORD.name, KEY)


async def cancel(tx: Tx, actor: Actor, charger_id: str) -> None:
    """Give up a change that the charger was not told of, or did not answer.

    Raises:
        PlatformError: ``not_found``; ``conflict``: the charger may have the new key already, and
            has to log in or answer first.
    """
    charger = await registry.get(tx, charger_id)
    known = await desired.find(tx, charger.id, PASSWORD.name, KEY)
    if known is None or known.status not in _UNDER_WAY:
        raise PlatformError("not_found", "No change of this charger's password is under way.")
    if known.attempts and not await _withdrawn(tx, known):
        raise PlatformError(
            "conflict",
            "The charger may have the new key by now. It decides with its next login or answer; "
            "to set a key by hand, here and in the charger, set its password.",
        )
    await store.change_charger(tx, charger.id, next_credential=None)
    await desired.forget(tx, actor, known.id)


async def set_password(
    tx: Tx, vault: Vault, actor: Actor, charger_id: str, *, password: str | None = None
) -> str:
    """Replace a charger's password here, as ``registry.set_password``, and end a change of it.

    Raises:
        PlatformError: ``not_found``, ``invalid_parameter``.
    """
    shown = await registry.set_password(tx, vault, actor, charger_id, password=password)
    known = await desired.find(tx, charger_id, PASSWORD.name, KEY)
    if known is not None:
        if known.command_id is not None:
            await commands.expire(tx, known.command_id)
        await desired.forget(tx, actor, known.id)
    return shown


async def _withdrawn(tx: Tx, wish: Desired) -> bool:
    """Withdraw the only command there was, if it was not sent."""
    is_first = wish.attempts == 1 and wish.command_id is not None
    return is_first and await commands.expire(tx, wish.command_id or "") is not None


async def _command(tx: Tx, wish: Desired) -> Command | None:
    charger = await registry.get(tx, wish.charger_id)
    if charger.next_credential is None:  # it logged in with the new key meanwhile
        return None
    sends = (charger.next_credential_sends or 0) + 1
    await store.change_charger(tx, charger.id, next_credential_sends=sends)
    return SetPassword(sealed=wish.sealed)


async def _answered(tx: Tx, wish: Desired, answer: Answer) -> Outcome:
    failpoints.hit("password.answered")
    charger = await registry.get(tx, wish.charger_id)
    if answer.verdict is Verdict.ACCEPTED:
        if answer.reason == REBOOT_REQUIRED:
            # It uses the old key until then. Both are good until it logs in with the new one.
            return Outcome(status=DesiredStatus.ACCEPTED, reason=REBOOT_REQUIRED)
        await _promote(tx, charger)
        return Outcome(status=DesiredStatus.ACCEPTED)
    reason = answer.reason or answer.verdict.value
    if charger.next_credential is None:  # it refuses what it has used already
        return Outcome(status=DesiredStatus.ACCEPTED)
    if answer.verdict not in _REFUSALS or (charger.next_credential_sends or 0) > 1:
        # An error, or an earlier one went unanswered: this does not tell which key it has.
        reason = f"{reason}; the old key and the new one are accepted"
        return Outcome(status=DesiredStatus.REJECTED, reason=reason)
    await store.change_charger(tx, charger.id, next_credential=None)
    await security_events.noticed(tx, charger.id, security_events.KEY_REFUSED, reason)
    return Outcome(status=DesiredStatus.REJECTED, reason=reason)


async def _promote(tx: Tx, charger: Charger) -> None:
    if charger.next_credential is None:
        return
    await store.change_charger(
        tx, charger.id, credential=charger.next_credential, next_credential=None
    )
    await audit.record(tx, PLATFORM, "charger.password_changed", charger.id)


PASSWORD: Final = KINDS.add(Kind(name="password", command=_command, answered=_answered, rank=10))
"""The key of a charger, changed over the air."""
