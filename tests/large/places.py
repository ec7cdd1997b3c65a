"""Statements that fill a database: who charges, and where."""

from collections.abc import Sequence
from typing import Final

from tests.large.step import BEGAN, Step, id_of

PLACES: Final[Sequence[Step]] = (
    Step(
        "partners",
        f"""
        INSERT INTO partners (id, name, status, event_seq, created_at, updated_at)
        SELECT {id_of("prt", BEGAN, "'partner' || g")}, 'Partner ' || g, 'active', 0, {BEGAN},
            {BEGAN}
        FROM generate_series(0, <partners> - 1) AS g
        """,
    ),
    Step(
        "keys",
        f"""
        INSERT INTO api_keys (id, partner_id, livemode, name, secret_hash, scopes, ip_allowlist,
            created_at, updated_at)
        SELECT {id_of("key", BEGAN, "p.id || g")}, p.id, true, 'key ' || g,
            'v1$' || md5(p.id || g) || '$' || md5(p.id), '[]', '[]', {BEGAN}, {BEGAN}
        FROM partners p, generate_series(1, 5) AS g
        """,
    ),
    Step(
        "webhook endpoints",
        f"""
        INSERT INTO webhook_endpoints (id, partner_id, livemode, url, event_types, enabled, secret,
            created_at, updated_at)
        SELECT {id_of("we", BEGAN, "p.id || g")}, p.id, true, 'https://partner.invalid/' || g,
            '["*"]', true, 'k1:' || md5(p.id) || ':' || md5(p.name), {BEGAN}, {BEGAN}
        FROM partners p, generate_series(1, 1) AS g
        """,
    ),
    Step(
        "stations",
        f"""
        INSERT INTO stations (id, name, livemode, address, city, country, latitude, longitude,
            time_zone, created_at, updated_at)
        SELECT {id_of("st", f"{BEGAN} + g * interval '1 minute'", "'station' || g")},
            'Station ' || g, true, g || ' Main Street', 'Town ' || g % 500, 'DE', 50, 8,
            'Europe/Berlin', {BEGAN}, {BEGAN} + g * interval '1 minute'
        FROM generate_series(0, <stations> - 1) AS g
        """,
    ),
    Step(
        "chargers",
        f"""
        INSERT INTO chargers (id, station_id, identity, identity_key, registration, credential,
            security_profile, ocpp_version, vendor, model, serial_number, firmware_version, epoch,
            status, connected_at, disconnected_at, last_seen_at, booted_at, boot_status,
            status_reported_at, presence_seq, created_at, updated_at)
        SELECT {id_of("cp", f"{BEGAN} + g * interval '10 seconds'", "'charger' || g")}, t.id,
            'CP-' || lpad(g::text, 7, '0'), 'cp-' || lpad(g::text, 7, '0'), 'accepted',
            'v1$' || md5('c' || g) || '$' || md5('d' || g), 1, '1.6', 'Vendor', 'Model ' || g % 20,
            'SN' || g, '1.2.3', 5, 'available', now() - interval '1 day',
            now() - interval '1 hour', now() - interval '1 hour', now() - interval '1 day',
            'Accepted', now() - interval '1 day', 1 + g, {BEGAN},
            {BEGAN} + g * interval '10 seconds'
        FROM generate_series(0, <chargers> - 1) AS g
        JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM stations) AS t
            ON t.n = g % <stations>
        """,
    ),
    Step(
        "connectors",
        f"""
        INSERT INTO connectors (id, charger_id, evse, connector, standard, format, power_type,
            max_power_w, learned, status, reported_at, since, as_of, seq, created_at, updated_at)
        SELECT {id_of("cn", BEGAN, "c.id || g")}, c.id, g, 1, 'IEC_62196_T2', 'CABLE', 'AC_3_PHASE',
            22000, false, 'available', now() - interval '1 day', now() - interval '1 day',
            now() - interval '1 day', <chargers> + c.presence_seq * 2 + g, {BEGAN},
            now() - interval '1 day'
        FROM chargers c, generate_series(1, 2) AS g
        """,
    ),
    Step(
        "grants",
        f"""
        INSERT INTO station_grants (partner_id, station_id, control, direct_control, created_at)
        SELECT p.id, t.id, true, true, {BEGAN}
        FROM (SELECT id, row_number() OVER (ORDER BY name) - 1 AS n FROM partners) AS p
        JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n FROM stations) AS t
            ON p.n = 0 OR t.n % 20 = p.n % 20
        """,
    ),
    Step(
        "cursors",
        f"""
        INSERT INTO status_cursors (partner_id, seq, moved_at)
        SELECT id, (SELECT max(seq) FROM connectors), {BEGAN} FROM partners
        """,
    ),
    Step(
        "counters",
        """
        INSERT INTO counters (name, value) SELECT 'status', max(seq) FROM connectors
        ON CONFLICT (name) DO UPDATE SET value = excluded.value
        """,
    ),
    Step(
        "variables",
        """
        INSERT INTO charger_variables (charger_id, component, variable, attribute, value, readonly,
            reported_at)
        SELECT c.id, '', 'Key' || g, 'Actual', g::text, false, c.created_at
        FROM chargers c, generate_series(1, 40) AS g
        """,
    ),
    Step(
        "id tokens",
        f"""
        INSERT INTO id_tokens (token, kind, blocked, created_at, updated_at)
        SELECT upper(md5('token' || g)), 'ISO14443', false, {BEGAN},
            {BEGAN} + g * interval '1 second'
        FROM generate_series(1, <chargers> * 3) AS g
        """,
    ),
    Step(
        "security events",
        f"""
        INSERT INTO security_events (id, charger_id, source, type, known, critical, received_at)
        SELECT {id_of("sec", "c.created_at", "c.id || g")}, c.id, 'charger', 'StartupOfTheDevice',
            true, false, c.created_at + g * interval '8 days'
        FROM chargers c, generate_series(1, 8) AS g
        """,
    ),
)
