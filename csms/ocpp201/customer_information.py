"""OCPP 2.0.1 customer information: asked for or cleared, and told in parts (N09, N10)."""

from typing import Any, Final

from core.commands.commands import Verdict
from core.commands.customer import CustomerInformation
from core.commands.models import CommandRow
from core.kernel.db import Tx
from core.upkeep import customer
from csms.adapter import Block, Context, Route, by_status
from csms.ocpp201.messages import Request
from csms.ocpp201.monitoring import answered_report, part_of
from csms.protocol import Payload
from csms.upkeep import named


class NotifyCustomerInformation(Request, frozen=True):
    data: str
    seq_no: Any
    generated_at: str
    request_id: Any
    tbc: bool = False


async def notify_customer_information(ctx: Context, msg: NotifyCustomerInformation) -> Payload:
    """Answer NotifyCustomerInformation (OCPP 2.0.1 N09)."""
    part = part_of(ctx, msg.request_id, msg.seq_no, more=msg.tbc)
    if part is not None:
        await customer.reported(ctx.tx, part, msg.data)
    return {}


def customer_information(wanted: CustomerInformation) -> tuple[str, Payload]:
    token = None
    if wanted.token is not None:
        token = {"idToken": wanted.token, "type": wanted.token_type}
    payload = {
        "customerCertificate": wanted.certificate,
        "idToken": token,
        "requestId": wanted.request,
        "report": wanted.report,
        "clear": wanted.clear,
        "customerIdentifier": wanted.customer,
    }
    return "CustomerInformation", named(payload)


def judge(answer: Payload) -> tuple[Verdict, str | None]:
    """Judge the answer: Invalid is a question that cannot be answered (OCPP 2.0.1 N09.FR.07)."""
    status = answer.get("status")
    return (Verdict.REJECTED, "Invalid") if status == "Invalid" else by_status(answer)


async def learn_of_report(tx: Tx, command: CommandRow, answer: Payload) -> None:
    """Take from the answer to CustomerInformation whether parts will come."""
    await answered_report(tx, command, answer)


CUSTOMER_INFORMATION: Final = Block(
    routes={
        "NotifyCustomerInformation": Route(
            message=NotifyCustomerInformation, handle=notify_customer_information
        ),
    },
    encoders={CustomerInformation: customer_information},
    learners={"CustomerInformation": learn_of_report},
    judges={"CustomerInformation": judge},
)
