"""Sequences of messages: transactions repeated, reordered, interleaved, cut off by lost sockets."""

import random
from dataclasses import dataclass
from typing import Any

from csms.codes import Version
from tests.fuzz.mutants import mutated, written

Message = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Act:
    """One thing a charger does: *text* is sent, or its socket is lost (``None``)."""

    charger: int
    text: str | None


def transaction(rng: random.Random, version: Version, number: int) -> list[Message]:
    """Return what a charger tells of a whole transaction, in its order."""
    if version == "1.6":
        return _transaction16(rng, number)
    return _transaction201(rng, number)


def _at(number: int, minute: int) -> str:
    return f"2026-11-{1 + number % 28:02}T{number // 28 % 24:02}:{minute:02}:00Z"


def _transaction16(rng: random.Random, number: int) -> list[Message]:
    where = rng.choice((1, 2))
    start = {
        "connectorId": where,
        "idTag": rng.choice(("T1", "T2", "BLOCKED", "NOBODY")),
        "meterStart": 1000 * number,
        "timestamp": _at(number, 0),
    }
    # The number is only known from the answer; these chargers guess, or say 0 and -1.
    told = rng.choice((number, number + 1, 0, -1))
    sample = {"timestamp": _at(number, 5), "sampledValue": [{"value": str(1000 * number + 100)}]}
    values = {"connectorId": where, "transactionId": told, "meterValue": [sample]}
    stop = {
        "transactionId": told,
        "meterStop": 1000 * number + 500,
        "timestamp": _at(number, 10),
        "reason": rng.choice(("Local", "PowerLoss", "EVDisconnected", "Remote")),
    }
    return [("StartTransaction", start), ("MeterValues", values), ("StopTransaction", stop)]


def _transaction201(rng: random.Random, number: int) -> list[Message]:
    info = {"transactionId": f"tx-{number}"}
    evse = {"id": rng.choice((1, 2)), "connectorId": 1}
    kinds = ("Started", *("Updated",) * rng.randrange(4), "Ended")
    token = {"idToken": rng.choice(("T1", "T2", "NOBODY")), "type": "ISO14443"}
    found = []
    for seq, kind in enumerate(kinds):
        sample = [{"value": 1000 * number + 100 * seq}]
        event: dict[str, Any] = {
            "eventType": kind,
            "timestamp": _at(number, seq),
            "triggerReason": rng.choice(
                ("Authorized", "MeterValuePeriodic", "ChargingStateChanged")
            ),
            "seqNo": seq,
            "transactionInfo": info,
            "meterValue": [{"timestamp": _at(number, seq), "sampledValue": sample}],
        }
        if rng.random() < 0.7:
            event["evse"] = evse
        if rng.random() < 0.5:
            event["idToken"] = token
        found.append(("TransactionEvent", event))
    return found


def messages(rng: random.Random, version: Version, count: int) -> list[Message]:
    """Return the messages of *count* transactions as a careless charger sends them."""
    told: list[Message] = []
    for number in range(1, count + 1):
        one = transaction(rng, version, number)
        match rng.randrange(6):
            case 0:
                one = one[:-1]  # never ended
            case 1:
                one = one[1:]  # never begun
            case 2:
                rng.shuffle(one)
            case 3:
                one += rng.sample(one, rng.randrange(1, len(one) + 1))  # repeated
            case 4:
                one = [(action, mutated(rng, payload)) for action, payload in one]
            case _:
                pass
        if rng.random() < 0.4:  # interleaved with what came before
            at = rng.randrange(len(told) + 1)
            told = told[:at] + one + told[at:]
        else:
            told += one
    return told


def acts(rng: random.Random, version: Version, *, chargers: int, count: int) -> list[Act]:
    """Return what *chargers* do, mixed: transactions, heartbeats, answers to nothing, losses."""
    left = [messages(rng, version, count) for _ in range(chargers)]
    found: list[Act] = []
    serial = 0
    while any(left):
        who = rng.randrange(chargers)
        if not left[who]:
            continue
        serial += 1
        chance = rng.random()
        if chance < 0.03:
            found.append(Act(who, None))
        elif chance < 0.08:
            found.append(Act(who, written([rng.choice((3, 4)), f"u{serial}", {}])))
        elif chance < 0.15:
            found.append(Act(who, written([2, f"h{serial}", "Heartbeat", {}])))
        else:
            action, payload = left[who].pop(0)
            found.append(Act(who, written([2, f"t{serial}", action, payload])))
    return found
