"""What answers about local lists mean, the same in both versions."""

from typing import Final

from core.commands.commands import Verdict
from core.commands.models import CommandRow
from core.desired import local_list
from core.kernel.db import Tx
from csms import sanity
from csms.adapter import Judge, Learner
from csms.protocol import Payload

_UPDATE: Final = {
    "Accepted": Verdict.ACCEPTED,
    "Failed": Verdict.FAILED,
    "NotSupported": Verdict.NOT_SUPPORTED,
    "VersionMismatch": Verdict.FAILED,
}


def judge_update(answer: Payload) -> tuple[Verdict, str | None]:
    """Return what an answer to SendLocalList means, and its status."""
    status = answer.get("status")
    word = status if isinstance(status, str) else None
    return _UPDATE.get(word or "", Verdict.FAILED), word


def version_of(raw: object) -> tuple[Verdict, str | None]:
    """Return the version of a list as a word, or a failure for one that is no int32."""
    version = sanity.whole(raw, lowest=-1).value
    if version is None:
        return Verdict.FAILED, "version_impossible"
    return Verdict.ACCEPTED, str(version)


def learn_version(judge: Judge) -> Learner:
    """Return what takes the version that an operator asked for; a wish takes its own."""

    async def learn(tx: Tx, command: CommandRow, answer: Payload) -> None:
        verdict, version = judge(answer)
        if command.desired_id is None and verdict is Verdict.ACCEPTED and version is not None:
            await local_list.asked(tx, command.charger_id, int(version))

    return learn
