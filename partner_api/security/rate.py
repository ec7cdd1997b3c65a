"""What a partner is told of its limits, in every answer that knows who asked."""

from collections.abc import Mapping

from core.kernel.errors import PlatformError
from core.kernel.settings import Settings
from core.kernel.times import rfc3339
from core.partners.limits import Limits, effective
from core.partners.service import Caller, banned
from core.partners.tokens import Bucket, Verdict


def quotas(limits: Limits, *buckets: Bucket) -> Mapping[Bucket, int]:
    """Return how many calls of each bucket a minute may see."""
    per_minute = {
        Bucket.REQUESTS: limits.requests_per_minute,
        Bucket.CONTROL: limits.control_calls_per_minute,
        Bucket.STOPS: limits.stop_calls_per_minute,
    }
    return {bucket: per_minute[bucket] for bucket in buckets}


def quotas_of(settings: Settings, caller: Caller, *buckets: Bucket) -> Mapping[Bucket, int]:
    """Return the quotas that hold for a caller at this moment."""
    found = quotas(effective(settings, caller.limit_overrides), *buckets)
    if caller.throttled_until is not None or caller.banned_until is not None:
        return throttled(found, settings.conduct_throttle_divisor)
    return found


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


def throttled(quotas: Mapping[Bucket, int], divisor: int) -> Mapping[Bucket, int]:
    """Return what is left of quotas to a partner whose usage was abnormal; stops are kept."""
    return {
        bucket: quota if bucket is Bucket.STOPS else max(1, quota // divisor)
        for bucket, quota in quotas.items()
    }


def refusal(verdict: Verdict, caller: Caller) -> PlatformError:
    """Return the error of a call that a bucket had no token for."""
    empty = verdict.scarcest
    if caller.banned_until is not None and empty.bucket is not Bucket.STOPS:
        return banned(caller)
    what = {
        Bucket.REQUESTS: "requests",
        Bucket.CONTROL: "control calls",
        Bucket.STOPS: "stop calls that stop nothing",
    }[empty.bucket]
    if caller.throttled_until is not None and empty.bucket is not Bucket.STOPS:
        return PlatformError(
            "abnormal_usage",
            f"Your usage was abnormal: until {rfc3339(caller.throttled_until)} you may make at "
            f"most {empty.quota} {what} a minute.",
            retry_after=empty.retry_after_s,
            limit=empty.bucket,
            until=rfc3339(caller.throttled_until),
        )
    return PlatformError(
        "rate_limited",
        f"At most {empty.quota} {what} a minute.",
        retry_after=empty.retry_after_s,
        limit=empty.bucket,
    )
