"""A typed client of the Voltgate partner API: ``Voltgate`` for threads, ``AsyncVoltgate``."""

from voltgate_client import models
from voltgate_client._async.client import AsyncVoltgate
from voltgate_client._async.listing import AsyncListing
from voltgate_client._async.operation import AsyncOperation
from voltgate_client._sync.client import Voltgate
from voltgate_client._sync.listing import Listing
from voltgate_client._sync.operation import Operation
from voltgate_client._version import __version__
from voltgate_client.errors import (
    ApiError,
    AuthenticationFailed,
    Conflict,
    ConnectionFailed,
    ConnectorNotReady,
    ErrorDetail,
    InvalidRequest,
    InvalidSignature,
    NotFinishedInTime,
    NotFound,
    PermissionDenied,
    RateLimited,
    RequestFailed,
    RequestIdReused,
    ServerError,
    UnexpectedAnswer,
    VoltgateError,
)
from voltgate_client.signing import RequestSigner, Signer
from voltgate_client.webhooks import verify_webhook

__all__ = [
    "ApiError",
    "AsyncListing",
    "AsyncOperation",
    "AsyncVoltgate",
    "AuthenticationFailed",
    "Conflict",
    "ConnectionFailed",
    "ConnectorNotReady",
    "ErrorDetail",
    "InvalidRequest",
    "InvalidSignature",
    "Listing",
    "NotFinishedInTime",
    "NotFound",
    "Operation",
    "PermissionDenied",
    "RateLimited",
    "RequestFailed",
    "RequestIdReused",
    "RequestSigner",
    "ServerError",
    "Signer",
    "UnexpectedAnswer",
    "Voltgate",
    "VoltgateError",
    "__version__",
    "models",
    "verify_webhook",
]
