"""OCPP 2.0.1 P01 and P02: DataTransfer, both ways; the data is any JSON."""

from typing import Final

from core.commands.data_transfer import SendData
from csms import transfers
from csms.adapter import Block, Route
from csms.ocpp201 import messages as m
from csms.protocol import Payload


def send_data(wanted: SendData) -> tuple[str, Payload]:
    told = {"messageId": wanted.message_id, "data": wanted.data, "vendorId": wanted.vendor_id}
    return "DataTransfer", {name: value for name, value in told.items() if value is not None}


DATA_TRANSFER: Final = Block(
    routes={
        "DataTransfer": Route(
            message=m.DataTransfer, handle=transfers.data_transfer, prepare=transfers.ask_hook
        )
    },
    encoders={SendData: send_data},
    learners={"DataTransfer": transfers.learn_answer},
    judges={"DataTransfer": transfers.judge},
)
