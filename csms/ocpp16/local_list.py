"""OCPP 1.6 5.15 and 5.7: SendLocalList, GetLocalListVersion."""

from typing import Any, Final

from core.commands.commands import Verdict
from core.commands.local_list import AskLocalListVersion, SendLocalList
from csms import local_lists
from csms.adapter import Block
from csms.ocpp16.id_tags import MAX_ID_TAG_CHARS
from csms.protocol import Payload


def send(wanted: SendLocalList) -> tuple[str, Payload]:
    """Return the call; an entry without ``idTagInfo`` is one to remove."""
    entries: list[Payload] = [{"idTag": entry["token"]} for entry in wanted.removed]
    entries += [{"idTag": entry["token"], "idTagInfo": _info(entry)} for entry in wanted.entries]
    payload: Payload = {"listVersion": wanted.version}
    if entries:
        payload["localAuthorizationList"] = entries
    return "SendLocalList", payload | {"updateType": "Full" if wanted.full else "Differential"}


def _info(entry: dict[str, Any]) -> Payload:
    info: Payload = {}
    if entry["expires_at"] is not None:
        info["expiryDate"] = entry["expires_at"]
    group = entry["group_token"]
    if group is not None and len(group) <= MAX_ID_TAG_CHARS:
        info["parentIdTag"] = group
    return info | {"status": "Blocked" if entry["blocked"] else "Accepted"}


def ask_version(_: AskLocalListVersion) -> tuple[str, Payload]:
    return "GetLocalListVersion", {}


def judge_version(answer: Payload) -> tuple[Verdict, str | None]:
    """Return the version as the charger's word: 0 an empty list, -1 none at all."""
    return local_lists.version_of(answer.get("listVersion"))


LOCAL_LIST: Final = Block(
    encoders={SendLocalList: send, AskLocalListVersion: ask_version},
    learners={"GetLocalListVersion": local_lists.learn_version(judge_version)},
    judges={"SendLocalList": local_lists.judge_update, "GetLocalListVersion": judge_version},
)
