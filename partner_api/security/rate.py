"""What a partner is told of its limits, in every answer that knows who asked."""

from collections.abc import Mapping

from core.kernel.errors import PlatformError
from core.partners.limits import Limits
from core.partners.tokens import Bucket, Verdict


def quotas(limits: Limits, *buckets: Bucket) -> Mapping[Bucket, int]:
    """Return how many calls of each bucket a minute may see."""
    per_minute = {
        Bucket.REQUESTS: limits.requests_per_minute,
        Bucket.CONTROL: limits.control_calls_per_minute,
        Bucket.STOPS: limits.stop_calls_per_minute,
    }
    return {bucket: per_minute[bucket] for bucket in buckets}


def headers(verdict: Verdict) -> dict[str, str]:
    """Return the headers of draft-ietf-httpapi-ratelimit-headers; one item for each bucket."""
    return {
        "RateLimit-Policy": ", ".join(
            f'"{one.bucket}";q={one.quota};w={one.window_s}' for one in verdict.allowances
        ),
        "RateLimit": ", ".join(
            f'"{one.bucket}";r={one.remaining};t={one.reset_s}' for one in verdict.allowances
        ),
    }


def refusal(verdict: Verdict) -> PlatformError:
    """Return the error of a call that a bucket had no token for."""
    empty = verdict.scarcest
    what = {
        Bucket.REQUESTS: "requests",
        Bucket.CONTROL: "control calls",
        Bucket.STOPS: "stop calls that stop nothing",
    }[empty.bucket]
    return PlatformError(
        "rate_limited",
        f"At most {empty.quota} {what} a minute.",
        retry_after=empty.retry_after_s,
        limit=empty.bucket,
    )
