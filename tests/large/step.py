"""What the statements that fill a database are made of."""

from dataclasses import dataclass
from typing import Final

DAYS: Final = 80


@dataclass(frozen=True, slots=True)
class Step:
    """One statement: what it fills, and how; ``<name>`` are figures of the size."""

    title: str
    sql: str


def id_of(prefix: str, at: str, seed: str) -> str:
    """Return SQL for an id that sorts by time, as ours do."""
    millis = f"lpad(to_hex((extract(epoch FROM {at}) * 1000)::bigint), 10, '0')"
    return f"'{prefix}_' || {millis} || substr(md5({seed}), 1, 16)"


BEGAN: Final = f"now() - interval '{DAYS} days'"
SESSION: Final = """jsonb_build_object('id', s.session_id, 'object', 'session', 'livemode', true,
    'operation_id', s.start_id, 'request_id', 'r-' || s.n, 'connector_id', s.connector_id,
    'status', 'ended', 'started_at', s.at, 'ended_at', s.ended_at, 'energy_wh', s.energy,
    'meter_start_wh', 1000, 'meter_stop_wh', 1000 + s.energy, 'stop_reason', 'partner',
    'data_quality', 'ok', 'sequence', 9)"""
ORDER: Final = """jsonb_build_object('session_id', s.session_id, 'operation_id', s.start_id,
    'request_id', 'r-' || s.n, 'user_ref', NULL, 'connector_id', s.connector_id,
    'started_at', s.at, 'ended_at', s.ended_at, 'energy_wh', s.energy, 'meter_start_wh', 1000,
    'meter_stop_wh', 1000 + s.energy, 'stop_reason', 'partner', 'data_quality', 'ok',
    'flags', '[]'::jsonb, 'billable', true)"""
SAMPLES: Final = """(SELECT jsonb_agg(jsonb_build_object('value', (s.energy * v / 12 + m)::text,
    'measurand', m, 'unit', 'Wh', 'context', 'Sample.Periodic', 'location', 'Outlet'))
    FROM generate_series(1, 4) AS m)"""
MESSAGE: Final = """jsonb_build_object('samples', '[0]'::jsonb, 'payload',
    jsonb_build_object('connectorId', 1, 'transactionId', s.n, 'meterValue',
    jsonb_build_array(jsonb_build_object('timestamp', s.at))))"""
