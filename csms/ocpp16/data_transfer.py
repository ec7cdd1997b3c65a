"""OCPP 1.6 4.3 and 5.6: DataTransfer, both ways."""

from typing import Final

from core.commands.data_transfer import SendData
from csms import transfers
from csms.adapter import Block, Route
from csms.ocpp16 import messages as m
from csms.protocol import Payload


def send_data(wanted: SendData) -> tuple[str, Payload]:
    """Return the call; ``ValueError`` for data that is no text: 1.6 has nothing else."""
    if wanted.data is not None and not isinstance(wanted.data, str):
        raise ValueError("the data of an OCPP 1.6 DataTransfer is a text")
    told = {"vendorId": wanted.vendor_id, "messageId": wanted.message_id, "data": wanted.data}
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
