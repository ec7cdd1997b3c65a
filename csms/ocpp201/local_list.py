"""OCPP 2.0.1 block D: SendLocalList, GetLocalListVersion."""

from typing import Any, Final

from core.commands.commands import Verdict
from core.commands.local_list import AskLocalListVersion, SendLocalList
from csms import local_lists
from csms.adapter import Block
from csms.ocpp201.id_tokens import MAX_ID_TOKEN_CHARS
from csms.protocol import Payload


def send(wanted: SendLocalList) -> tuple[str, Payload]:
    """Return the call; an entry without ``idTokenInfo`` is one to remove."""
    entries: list[Payload] = [{"idToken": _token(entry)} for entry in wanted.removed]
    entries += [{"idToken": _token(entry), "idTokenInfo": _info(entry)} for entry in wanted.entries]
    payload: Payload = {"versionNumber": wanted.version}
    payload["updateType"] = "Full" if wanted.full else "Differential"
    return "SendLocalList", payload | ({"localAuthorizationList": entries} if entries else {})


def _token(entry: dict[str, Any]) -> Payload:
    return {"idToken": entry["token"], "type": entry["kind"]}


def _info(entry: dict[str, Any]) -> Payload:
    told: Payload = {
        "cacheExpiryDateTime": entry["expires_at"],
        "chargingPriority": entry["charging_priority"],
        "language1": entry["language1"],
        "evseId": entry["evses"],
        "language2": entry["language2"],
        "personalMessage": entry["personal_message"],
    }
    info: Payload = {"status": "Blocked" if entry["blocked"] else "Accepted"}
    info |= {name: value for name, value in told.items() if value is not None}
    group = entry["group_token"]
    if group is not None and len(group) <= MAX_ID_TOKEN_CHARS:
        info["groupIdToken"] = {"idToken": group, "type": entry["group_kind"]}
    return info


def ask_version(_: AskLocalListVersion) -> tuple[str, Payload]:
    return "GetLocalListVersion", {}


def judge_version(answer: Payload) -> tuple[Verdict, str | None]:
    """Return the version as the charger's word; 0 where there is no list (D02)."""
    return local_lists.version_of(answer.get("versionNumber"))


LOCAL_LIST: Final = Block(
    encoders={SendLocalList: send, AskLocalListVersion: ask_version},
    learners={"GetLocalListVersion": local_lists.learn_version(judge_version)},
    judges={"SendLocalList": local_lists.judge_update, "GetLocalListVersion": judge_version},
)
