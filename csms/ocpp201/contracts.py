"""OCPP 2.0.1 blocks C and M: Authorize, contract certificates, EV certificates.

What the contract service says is asked for before the transaction begins.
"""

from typing import Final

import msgspec
import structlog

from core.chargers import deviations, token_formats
from core.chargers.states import TokenStatus
from core.contracts.service import Certified
from core.sessions import authorization
from csms.adapter import Block, Context, Preparing, Route
from csms.ocpp201 import messages as m
from csms.ocpp201.cost import tariff_message
from csms.ocpp201.id_tokens import id_token_info, token_of
from csms.protocol import Payload

log = structlog.get_logger()


class Get15118EvCertificate(m.Request, frozen=True):
    iso15118_schema_version: str = msgspec.field(name="iso15118SchemaVersion")
    action: str
    exi_request: str


class GetCertificateStatus(m.Request, frozen=True):
    ocsp_request_data: m.OcspRequestData


async def check_contract(preparing: Preparing, msg: m.Authorize) -> Certified | None:
    """Have the certificate that came with a token judged; ``None`` where none came (C07)."""
    token = token_of(msg.id_token)
    if token is None or (msg.certificate is None and not msg.iso15118_certificate_hash_data):
        return None
    return await preparing.contracts.authorize(
        charger=preparing.charger.identity,
        token=token,
        certificate=msg.certificate,
        hashes=[_ocsp(data) for data in msg.iso15118_certificate_hash_data],
    )


async def authorize(ctx: Context, msg: m.Authorize) -> Payload:
    """Answer Authorize (OCPP 2.0.1 C01 to C07, C16)."""
    token, kind = token_of(msg.id_token), msg.id_token.type
    odd = token_formats.oddity(kind, msg.id_token.id_token)
    if odd is not None:
        log.warning("id_token_odd", kind=kind, oddity=odd)
        deviations.note(ctx.tx, "id_token_odd")
    if token is None:
        return {"idTokenInfo": id_token_info(TokenStatus.INVALID, None)}
    judged = await authorization.authorize(ctx.tx, ctx.charger.id, token, kind=kind)
    info = id_token_info(judged.status, judged.group_token, judged.about)
    if judged.status is TokenStatus.ACCEPTED and "personalMessage" not in info:
        message = await tariff_message(ctx.tx, ctx.charger)
        info |= {} if message is None else {"personalMessage": message}
    certified: Certified | None = ctx.prepared
    if certified is None:
        return {"idTokenInfo": info}
    if not certified.accepted and judged.status is TokenStatus.ACCEPTED:
        info = id_token_info(TokenStatus.INVALID, None)
    return {"idTokenInfo": info, "certificateStatus": certified.status}


async def ask_ev_certificate(preparing: Preparing, msg: Get15118EvCertificate) -> Certified:
    """Have the EXI request answered (M01, M02)."""
    return await preparing.contracts.ev_certificate(
        charger=preparing.charger.identity,
        schema_version=msg.iso15118_schema_version,
        action=msg.action,
        exi_request=msg.exi_request,
    )


async def get_15118_ev_certificate(ctx: Context, msg: Get15118EvCertificate) -> Payload:
    """Answer Get15118EVCertificate (OCPP 2.0.1 M01, M02)."""
    certified: Certified = ctx.prepared
    answer: Payload = {"status": "Accepted" if certified.accepted else "Failed"}
    return answer | _info(certified) | {"exiResponse": certified.data}


async def ask_certificate_status(preparing: Preparing, msg: GetCertificateStatus) -> Certified:
    """Have the OCSP request answered (M06)."""
    return await preparing.contracts.certificate_status(
        charger=preparing.charger.identity, ocsp_request=_ocsp(msg.ocsp_request_data)
    )


async def get_certificate_status(ctx: Context, msg: GetCertificateStatus) -> Payload:
    """Answer GetCertificateStatus (OCPP 2.0.1 M06)."""
    certified: Certified = ctx.prepared
    if certified.accepted:
        return {"status": "Accepted", "ocspResult": certified.data}
    return {"status": "Failed"} | _info(certified)


def _info(certified: Certified) -> Payload:
    if certified.reason is None:
        return {}
    return {"statusInfo": {"reasonCode": certified.reason}}


def _ocsp(data: m.OcspRequestData) -> dict[str, str]:
    return {
        "hashAlgorithm": data.hash_algorithm,
        "issuerNameHash": data.issuer_name_hash,
        "issuerKeyHash": data.issuer_key_hash,
        "serialNumber": data.serial_number,
        "responderURL": data.responder_url,
    }


CONTRACTS: Final = Block(
    routes={
        "Authorize": Route(message=m.Authorize, handle=authorize, prepare=check_contract),
        "Get15118EVCertificate": Route(
            message=Get15118EvCertificate,
            handle=get_15118_ev_certificate,
            prepare=ask_ev_certificate,
        ),
        "GetCertificateStatus": Route(
            message=GetCertificateStatus,
            handle=get_certificate_status,
            prepare=ask_certificate_status,
        ),
    }
)
