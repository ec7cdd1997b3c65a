"""OCPP 2.0.1 logs: GetLog and its train (N01)."""

from typing import Final

from core.commands.logs import GetLog
from csms.adapter import Block, Route
from csms.upkeep import StatusNotified, get_log, learn_of_log, log_status, replaced_or_refused

LOGS: Final = Block(
    routes={"LogStatusNotification": Route(message=StatusNotified, handle=log_status)},
    encoders={GetLog: get_log},
    learners={"GetLog": learn_of_log},
    judges={"GetLog": replaced_or_refused},
)
