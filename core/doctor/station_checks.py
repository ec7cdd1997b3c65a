"""The checks of what partners may see."""

from typing import Final

from core.doctor.checks import Check

CHECKS_OF_GRANTS: Final = (
    Check(
        invariant="I32",
        title="a partner sees what is granted to it, itself or by a group, and nothing else",
        sql="""
            SELECT g.partner_id, g.station_id, g.control FROM station_grants g
            WHERE g.direct_control IS NULL AND NOT EXISTS (
                SELECT 1 FROM station_group_members m JOIN station_group_grants gg
                    ON gg.group_id = m.group_id
                WHERE m.station_id = g.station_id AND gg.partner_id = g.partner_id)
            UNION ALL
            SELECT g.partner_id, g.station_id, g.control FROM station_grants g
            WHERE g.control AND NOT coalesce(g.direct_control, g.control <> g.control)
                AND NOT EXISTS (
                    SELECT 1 FROM station_group_members m JOIN station_group_grants gg
                        ON gg.group_id = m.group_id
                    WHERE m.station_id = g.station_id AND gg.partner_id = g.partner_id
                        AND gg.control)
            UNION ALL
            SELECT gg.partner_id, m.station_id, gg.control
            FROM station_group_grants gg JOIN station_group_members m ON m.group_id = gg.group_id
            LEFT JOIN station_grants g
                ON g.partner_id = gg.partner_id AND g.station_id = m.station_id
            WHERE g.station_id IS NULL OR (gg.control AND NOT g.control)
        """,
    ),
)
