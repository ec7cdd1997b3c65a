"""Create every table of the first release."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

import core.kernel.db

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "audit_entries",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("object_id", sa.String(length=64), nullable=False),
        sa.Column(
            "before",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=True,
        ),
        sa.Column(
            "after",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=True,
        ),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_entries")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.create_index("ix_audit_entries_object_id", ["object_id", "number"], unique=False)

    op.create_table(
        "counters",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )
    op.create_table(
        "frames",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("charger_id", sa.String(length=32), nullable=False),
        sa.Column("direction", sa.String(length=3), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("message_id", sa.String(length=64), nullable=True),
        sa.Column("action", sa.String(length=64), nullable=True),
        sa.Column("operation_id", sa.String(length=32), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_frames")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("frames", schema=None) as batch_op:
        batch_op.create_index("ix_frames_at", ["at"], unique=False)
        batch_op.create_index("ix_frames_charger_id", ["charger_id", "number"], unique=False)
        batch_op.create_index("ix_frames_operation_id", ["operation_id"], unique=False)

    op.create_table(
        "id_tokens",
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.Column("expires_at", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("group_token", sa.String(length=64), nullable=True),
        sa.Column("partner_id", sa.String(length=32), nullable=True),
        sa.Column("note", sa.String(length=200), nullable=True),
        sa.Column("created_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_id_tokens")),
    )
    op.create_table(
        "meter_values",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("session_id", sa.String(length=32), nullable=False),
        sa.Column("at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("received_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("energy_wh", sa.BigInteger(), nullable=True),
        sa.Column("power_w", sa.BigInteger(), nullable=True),
        sa.Column("current_ma", sa.BigInteger(), nullable=True),
        sa.Column("voltage_mv", sa.BigInteger(), nullable=True),
        sa.Column("soc_percent", sa.Integer(), nullable=True),
        sa.Column("context", sa.String(length=24), nullable=True),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column(
            "flags",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column(
            "samples",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=True,
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_meter_values")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("meter_values", schema=None) as batch_op:
        batch_op.create_index(
            "ix_meter_values_session_id", ["session_id", "at", "number"], unique=False
        )

    op.create_table(
        "nodes",
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("started_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("seen_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_nodes")),
    )
    op.create_table(
        "operator_tokens",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("secret_hash", sa.String(length=128), nullable=False),
        sa.Column("created_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_tokens")),
    )
    op.create_table(
        "partners",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.Column("created_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partners")),
    )
    op.create_table(
        "refused_handshakes",
        sa.Column("identity", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("detail", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint(
            "identity", "address", "reason", name=op.f("pk_refused_handshakes")
        ),
    )
    with op.batch_alter_table("refused_handshakes", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_refused_handshakes_last_at"), ["last_at"], unique=False
        )

    op.create_table(
        "stations",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("address", sa.String(length=300), nullable=True),
        sa.Column("city", sa.String(length=100), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("latitude", sa.Float(), nullable=True),
        sa.Column("longitude", sa.Float(), nullable=True),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column(
            "opening_times",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=True,
        ),
        sa.Column("created_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("removed_at", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stations")),
    )
    with op.batch_alter_table("stations", schema=None) as batch_op:
        batch_op.create_index("ix_stations_updated_at", ["updated_at", "id"], unique=False)

    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("partner_id", sa.String(length=32), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("secret_hash", sa.String(length=128), nullable=False),
        sa.Column(
            "scopes",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column(
            "ip_allowlist",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column("expires_at", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_api_keys_partner_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_keys_partner_id"), ["partner_id"], unique=False)

    op.create_table(
        "chargers",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("station_id", sa.String(length=32), nullable=True),
        sa.Column("identity", sa.String(length=48), nullable=False),
        sa.Column("identity_key", sa.String(length=48), nullable=True),
        sa.Column("registration", sa.String(length=16), nullable=False),
        sa.Column("credential", sa.String(length=128), nullable=True),
        sa.Column("security_profile", sa.Integer(), nullable=False),
        sa.Column("ocpp_version", sa.String(length=8), nullable=True),
        sa.Column("vendor", sa.String(length=100), nullable=True),
        sa.Column("model", sa.String(length=100), nullable=True),
        sa.Column("serial_number", sa.String(length=100), nullable=True),
        sa.Column("firmware_version", sa.String(length=100), nullable=True),
        sa.Column("node_id", sa.String(length=128), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("remote_address", sa.String(length=64), nullable=True),
        sa.Column("connected_at", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("disconnected_at", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("last_seen_at", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("booted_at", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("boot_reason", sa.String(length=40), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=True),
        sa.Column("error_code", sa.String(length=60), nullable=True),
        sa.Column("error_info", sa.Text(), nullable=True),
        sa.Column("status_reported_at", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("removed_at", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "security_profile BETWEEN 0 AND 3", name=op.f("ck_chargers_security_profile")
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_chargers_station_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chargers")),
        sa.UniqueConstraint("identity_key", name=op.f("uq_chargers_identity_key")),
    )
    with op.batch_alter_table("chargers", schema=None) as batch_op:
        batch_op.create_index("ix_chargers_node_id", ["node_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_chargers_station_id"), ["station_id"], unique=False)
        batch_op.create_index("ix_chargers_updated_at", ["updated_at", "id"], unique=False)

    op.create_table(
        "events",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("partner_id", sa.String(length=32), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("object_id", sa.String(length=32), nullable=False),
        sa.Column("object_sequence", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["partner_id"], ["partners.id"], name=op.f("fk_events_partner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("partner_id", "seq", name=op.f("uq_events_partner_id_seq")),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index("ix_events_object_id", ["object_id", "object_sequence"], unique=False)

    op.create_table(
        "station_grants",
        sa.Column("partner_id", sa.String(length=32), nullable=False),
        sa.Column("station_id", sa.String(length=32), nullable=False),
        sa.Column("control", sa.Boolean(), nullable=False),
        sa.Column("created_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_station_grants_partner_id")
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_station_grants_station_id")
        ),
        sa.PrimaryKeyConstraint("partner_id", "station_id", name=op.f("pk_station_grants")),
    )
    with op.batch_alter_table("station_grants", schema=None) as batch_op:
        batch_op.create_index("ix_station_grants_station_id", ["station_id"], unique=False)

    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("partner_id", sa.String(length=32), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("url", sa.String(length=2048), nullable=False),
        sa.Column(
            "event_types",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column("description", sa.String(length=500), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.String(length=40), nullable=True),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("previous_secret", sa.Text(), nullable=True),
        sa.Column(
            "previous_secret_until", core.kernel.db.UtcDateTime(timezone=True), nullable=True
        ),
        sa.Column("failing_since", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_webhook_endpoints_partner_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
    )
    with op.batch_alter_table("webhook_endpoints", schema=None) as batch_op:
        batch_op.create_index(
            "ix_webhook_endpoints_partner_id", ["partner_id", "livemode"], unique=False
        )

    op.create_table(
        "charger_variables",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("charger_id", sa.String(length=32), nullable=False),
        sa.Column("component", sa.String(length=200), nullable=False),
        sa.Column("variable", sa.String(length=200), nullable=False),
        sa.Column("attribute", sa.String(length=10), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("readonly", sa.Boolean(), nullable=True),
        sa.Column("reported_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["charger_id"], ["chargers.id"], name=op.f("fk_charger_variables_charger_id")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_charger_variables")),
        sa.UniqueConstraint(
            "charger_id",
            "component",
            "variable",
            "attribute",
            name=op.f("uq_charger_variables_charger_id_component_variable_attribute"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "commands",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("charger_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column(
            "arguments",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column("action", sa.String(length=64), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("operation_id", sa.String(length=32), nullable=True),
        sa.Column("session_id", sa.String(length=32), nullable=True),
        sa.Column("requested_by", sa.String(length=64), nullable=False),
        sa.Column("message_id", sa.String(length=36), nullable=True),
        sa.Column("timeout_s", sa.Float(), nullable=False),
        sa.Column("expires_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("sent_at", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("answered_at", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column(
            "response",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=True,
        ),
        sa.Column(
            "error",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=True,
        ),
        sa.ForeignKeyConstraint(
            ["charger_id"], ["chargers.id"], name=op.f("fk_commands_charger_id")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_commands")),
        sa.UniqueConstraint("id", name=op.f("uq_commands_id")),
        sa.UniqueConstraint("message_id", name=op.f("uq_commands_message_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("commands", schema=None) as batch_op:
        batch_op.create_index("ix_commands_charger_id", ["charger_id", "number"], unique=False)
        batch_op.create_index(
            "ix_commands_open",
            ["expires_at"],
            unique=False,
            sqlite_where=sa.text("status IN ('queued', 'sent')"),
            postgresql_where=sa.text("status IN ('queued', 'sent')"),
        )
        batch_op.create_index(
            batch_op.f("ix_commands_operation_id"), ["operation_id"], unique=False
        )
        batch_op.create_index(
            "ix_commands_queue",
            ["charger_id", "priority", "number"],
            unique=False,
            sqlite_where=sa.text("status = 'queued'"),
            postgresql_where=sa.text("status = 'queued'"),
        )

    op.create_table(
        "connectors",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("charger_id", sa.String(length=32), nullable=False),
        sa.Column("evse", sa.Integer(), nullable=False),
        sa.Column("connector", sa.Integer(), nullable=False),
        sa.Column("standard", sa.String(length=40), nullable=True),
        sa.Column("format", sa.String(length=10), nullable=True),
        sa.Column("power_type", sa.String(length=12), nullable=True),
        sa.Column("max_power_w", sa.Integer(), nullable=True),
        sa.Column("max_voltage_v", sa.Integer(), nullable=True),
        sa.Column("max_current_a", sa.Integer(), nullable=True),
        sa.Column("learned", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("error_code", sa.String(length=60), nullable=True),
        sa.Column("error_info", sa.Text(), nullable=True),
        sa.Column("reported_at", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("since", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("as_of", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("created_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["charger_id"], ["chargers.id"], name=op.f("fk_connectors_charger_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connectors")),
        sa.UniqueConstraint(
            "charger_id", "evse", "connector", name=op.f("uq_connectors_charger_id_evse_connector")
        ),
    )
    with op.batch_alter_table("connectors", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_connectors_seq"), ["seq"], unique=False)

    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("event_id", sa.String(length=32), nullable=False),
        sa.Column("endpoint_id", sa.String(length=32), nullable=False),
        sa.Column("event_type", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["webhook_endpoints.id"], name=op.f("fk_deliveries_endpoint_id")
        ),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_deliveries_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.create_index(
            "ix_deliveries_dead",
            ["updated_at", "id"],
            unique=False,
            sqlite_where=sa.text("status = 'dead'"),
            postgresql_where=sa.text("status = 'dead'"),
        )
        batch_op.create_index(
            "ix_deliveries_due",
            ["endpoint_id", "due_at"],
            unique=False,
            sqlite_where=sa.text("status = 'due'"),
            postgresql_where=sa.text("status = 'due'"),
        )
        batch_op.create_index(
            "ix_deliveries_endpoint_id", ["endpoint_id", "status", "updated_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_deliveries_event_id"), ["event_id"], unique=False)

    op.create_table(
        "quarantined_messages",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("charger_id", sa.String(length=32), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("message_id", sa.String(length=64), nullable=True),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["charger_id"], ["chargers.id"], name=op.f("fk_quarantined_messages_charger_id")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_quarantined_messages")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("quarantined_messages", schema=None) as batch_op:
        batch_op.create_index(
            "ix_quarantined_messages_charger_id", ["charger_id", "number"], unique=False
        )

    op.create_table(
        "transaction_messages",
        sa.Column("charger_id", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=32), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.Column("received_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column(
            "raw",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["charger_id"], ["chargers.id"], name=op.f("fk_transaction_messages_charger_id")
        ),
        sa.PrimaryKeyConstraint("charger_id", "key", name=op.f("pk_transaction_messages")),
    )
    with op.batch_alter_table("transaction_messages", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_transaction_messages_session_id"), ["session_id"], unique=False
        )

    op.create_table(
        "delivery_attempts",
        sa.Column("delivery_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("excerpt", sa.Text(), nullable=True),
        sa.Column("error", sa.String(length=300), nullable=True),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name=op.f("fk_delivery_attempts_delivery_id")
        ),
        sa.PrimaryKeyConstraint("delivery_id", "number", name=op.f("pk_delivery_attempts")),
    )
    op.create_table(
        "operations",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("partner_id", sa.String(length=32), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=24), nullable=False),
        sa.Column(
            "body",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.String(length=24), nullable=False),
        sa.Column("charger_id", sa.String(length=32), nullable=False),
        sa.Column("connector_id", sa.String(length=32), nullable=False),
        sa.Column("token", sa.String(length=36), nullable=True),
        sa.Column("remote_start_id", sa.Integer(), nullable=True),
        sa.Column("session_id", sa.String(length=32), nullable=True),
        sa.Column("reservation_id", sa.String(length=32), nullable=True),
        sa.Column("start_operation_id", sa.String(length=32), nullable=True),
        sa.Column("user_ref", sa.String(length=200), nullable=True),
        sa.Column(
            "limits",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=True,
        ),
        sa.Column("on_late_start", sa.String(length=8), nullable=False),
        sa.Column(
            "metadata",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column(
            "result",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=True,
        ),
        sa.Column(
            "failure",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=True,
        ),
        sa.Column(
            "late_outcome",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=True,
        ),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("created_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("deadline_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["charger_id"], ["chargers.id"], name=op.f("fk_operations_charger_id")
        ),
        sa.ForeignKeyConstraint(
            ["connector_id"], ["connectors.id"], name=op.f("fk_operations_connector_id")
        ),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_operations_partner_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operations")),
        sa.UniqueConstraint(
            "partner_id",
            "livemode",
            "request_id",
            name=op.f("uq_operations_partner_id_livemode_request_id"),
        ),
    )
    with op.batch_alter_table("operations", schema=None) as batch_op:
        batch_op.create_index(
            "ix_operations_connector_id", ["connector_id", "updated_at"], unique=False
        )
        batch_op.create_index(
            "ix_operations_deadline_at",
            ["deadline_at"],
            unique=False,
            sqlite_where=sa.text("status IN ('accepted', 'in_progress')"),
            postgresql_where=sa.text("status IN ('accepted', 'in_progress')"),
        )
        batch_op.create_index(
            "ix_operations_partner_id", ["partner_id", "livemode", "updated_at", "id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_operations_session_id"), ["session_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_operations_start_operation_id"), ["start_operation_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_operations_token"), ["token"], unique=False)
        batch_op.create_index(
            "uq_operations_start_of_reservation",
            ["reservation_id"],
            unique=True,
            sqlite_where=sa.text(
                "type = 'start_charge' AND status IN ('accepted', 'in_progress', 'succeeded', 'timed_out')"
            ),
            postgresql_where=sa.text(
                "type = 'start_charge' AND status IN ('accepted', 'in_progress', 'succeeded', 'timed_out')"
            ),
        )
        batch_op.create_index(
            "uq_operations_unfinished_start",
            ["connector_id"],
            unique=True,
            sqlite_where=sa.text("type = 'start_charge' AND status IN ('accepted', 'in_progress')"),
            postgresql_where=sa.text(
                "type = 'start_charge' AND status IN ('accepted', 'in_progress')"
            ),
        )

    op.create_table(
        "operation_steps",
        sa.Column("operation_id", sa.String(length=32), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.String(length=24), nullable=False),
        sa.Column(
            "facts",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["operation_id"], ["operations.id"], name=op.f("fk_operation_steps_operation_id")
        ),
        sa.PrimaryKeyConstraint("operation_id", "sequence", name=op.f("pk_operation_steps")),
    )
    op.create_table(
        "reservations",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("partner_id", sa.String(length=32), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("operation_id", sa.String(length=32), nullable=False),
        sa.Column("charger_id", sa.String(length=32), nullable=False),
        sa.Column("connector_id", sa.String(length=32), nullable=False),
        sa.Column("token", sa.String(length=36), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("expires_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("created_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["charger_id"], ["chargers.id"], name=op.f("fk_reservations_charger_id")
        ),
        sa.ForeignKeyConstraint(
            ["connector_id"], ["connectors.id"], name=op.f("fk_reservations_connector_id")
        ),
        sa.ForeignKeyConstraint(
            ["operation_id"], ["operations.id"], name=op.f("fk_reservations_operation_id")
        ),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_reservations_partner_id")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_reservations")),
        sa.UniqueConstraint("id", name=op.f("uq_reservations_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("reservations", schema=None) as batch_op:
        batch_op.create_index(
            "ix_reservations_charger_id", ["charger_id", "updated_at"], unique=False
        )
        batch_op.create_index(
            "uq_reservations_open",
            ["connector_id"],
            unique=True,
            sqlite_where=sa.text("status IN ('pending', 'active')"),
            postgresql_where=sa.text("status IN ('pending', 'active')"),
        )

    op.create_table(
        "sessions",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("charger_id", sa.String(length=32), nullable=False),
        sa.Column("connector_id", sa.String(length=32), nullable=True),
        sa.Column("transaction_ref", sa.String(length=64), nullable=False),
        sa.Column("start_key", sa.String(length=80), nullable=False),
        sa.Column("partner_id", sa.String(length=32), nullable=True),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("operation_id", sa.String(length=32), nullable=True),
        sa.Column("reservation_id", sa.String(length=32), nullable=True),
        sa.Column("token", sa.String(length=64), nullable=True),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("started_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("reported_start_wh", sa.BigInteger(), nullable=True),
        sa.Column("reported_stop_wh", sa.BigInteger(), nullable=True),
        sa.Column("meter_start_wh", sa.BigInteger(), nullable=True),
        sa.Column("meter_stop_wh", sa.BigInteger(), nullable=True),
        sa.Column("last_wh", sa.BigInteger(), nullable=True),
        sa.Column("last_at", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("energy_wh", sa.BigInteger(), nullable=False),
        sa.Column("power_w", sa.BigInteger(), nullable=True),
        sa.Column("soc_percent", sa.Integer(), nullable=True),
        sa.Column("stop_reason", sa.String(length=24), nullable=True),
        sa.Column("stop_wanted", sa.String(length=24), nullable=True),
        sa.Column("data_quality", sa.String(length=16), nullable=False),
        sa.Column(
            "flags",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column("billable", sa.Boolean(), nullable=False),
        sa.Column("suspect_since", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("last_seq", sa.Integer(), nullable=True),
        sa.Column(
            "limits",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=True,
        ),
        sa.Column("user_ref", sa.String(length=200), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("announced_at", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["charger_id"], ["chargers.id"], name=op.f("fk_sessions_charger_id")
        ),
        sa.ForeignKeyConstraint(
            ["connector_id"], ["connectors.id"], name=op.f("fk_sessions_connector_id")
        ),
        sa.ForeignKeyConstraint(
            ["operation_id"], ["operations.id"], name=op.f("fk_sessions_operation_id")
        ),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_sessions_partner_id")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_sessions")),
        sa.UniqueConstraint(
            "charger_id", "start_key", name=op.f("uq_sessions_charger_id_start_key")
        ),
        sa.UniqueConstraint(
            "charger_id", "transaction_ref", name=op.f("uq_sessions_charger_id_transaction_ref")
        ),
        sa.UniqueConstraint("id", name=op.f("uq_sessions_id")),
        sa.UniqueConstraint("operation_id", name=op.f("uq_sessions_operation_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.create_index("ix_sessions_charger_id", ["charger_id", "started_at"], unique=False)
        batch_op.create_index(
            "ix_sessions_open",
            ["charger_id"],
            unique=False,
            sqlite_where=sa.text("status IN ('pending', 'charging', 'suspended', 'finishing')"),
            postgresql_where=sa.text("status IN ('pending', 'charging', 'suspended', 'finishing')"),
        )
        batch_op.create_index(
            "ix_sessions_partner_id", ["partner_id", "livemode", "updated_at", "id"], unique=False
        )
        batch_op.create_index("ix_sessions_token", ["token"], unique=False)
        batch_op.create_index(
            "uq_sessions_current",
            ["connector_id"],
            unique=True,
            sqlite_where=sa.text("is_current"),
            postgresql_where=sa.text("is_current"),
        )

    op.create_table(
        "orders",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("session_id", sa.String(length=32), nullable=False),
        sa.Column("partner_id", sa.String(length=32), nullable=True),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("charger_id", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "body",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column("billable", sa.Boolean(), nullable=False),
        sa.Column("created_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["charger_id"], ["chargers.id"], name=op.f("fk_orders_charger_id")),
        sa.ForeignKeyConstraint(["partner_id"], ["partners.id"], name=op.f("fk_orders_partner_id")),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_orders_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("session_id", name=op.f("uq_orders_session_id")),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index(
            "ix_orders_partner_id", ["partner_id", "livemode", "updated_at", "id"], unique=False
        )

    op.create_table(
        "order_versions",
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column(
            "body",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_order_versions_order_id")
        ),
        sa.PrimaryKeyConstraint("order_id", "version", name=op.f("pk_order_versions")),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("order_versions")
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index("ix_orders_partner_id")

    op.drop_table("orders")
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_sessions_current",
            sqlite_where=sa.text("is_current"),
            postgresql_where=sa.text("is_current"),
        )
        batch_op.drop_index("ix_sessions_token")
        batch_op.drop_index("ix_sessions_partner_id")
        batch_op.drop_index(
            "ix_sessions_open",
            sqlite_where=sa.text("status IN ('pending', 'charging', 'suspended', 'finishing')"),
            postgresql_where=sa.text("status IN ('pending', 'charging', 'suspended', 'finishing')"),
        )
        batch_op.drop_index("ix_sessions_charger_id")

    op.drop_table("sessions")
    with op.batch_alter_table("reservations", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_reservations_open",
            sqlite_where=sa.text("status IN ('pending', 'active')"),
            postgresql_where=sa.text("status IN ('pending', 'active')"),
        )
        batch_op.drop_index("ix_reservations_charger_id")

    op.drop_table("reservations")
    op.drop_table("operation_steps")
    with op.batch_alter_table("operations", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_operations_unfinished_start",
            sqlite_where=sa.text("type = 'start_charge' AND status IN ('accepted', 'in_progress')"),
            postgresql_where=sa.text(
                "type = 'start_charge' AND status IN ('accepted', 'in_progress')"
            ),
        )
        batch_op.drop_index(
            "uq_operations_start_of_reservation",
            sqlite_where=sa.text(
                "type = 'start_charge' AND status IN ('accepted', 'in_progress', 'succeeded', 'timed_out')"
            ),
            postgresql_where=sa.text(
                "type = 'start_charge' AND status IN ('accepted', 'in_progress', 'succeeded', 'timed_out')"
            ),
        )
        batch_op.drop_index(batch_op.f("ix_operations_token"))
        batch_op.drop_index(batch_op.f("ix_operations_start_operation_id"))
        batch_op.drop_index(batch_op.f("ix_operations_session_id"))
        batch_op.drop_index("ix_operations_partner_id")
        batch_op.drop_index(
            "ix_operations_deadline_at",
            sqlite_where=sa.text("status IN ('accepted', 'in_progress')"),
            postgresql_where=sa.text("status IN ('accepted', 'in_progress')"),
        )
        batch_op.drop_index("ix_operations_connector_id")

    op.drop_table("operations")
    op.drop_table("delivery_attempts")
    with op.batch_alter_table("transaction_messages", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_transaction_messages_session_id"))

    op.drop_table("transaction_messages")
    with op.batch_alter_table("quarantined_messages", schema=None) as batch_op:
        batch_op.drop_index("ix_quarantined_messages_charger_id")

    op.drop_table("quarantined_messages")
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_deliveries_event_id"))
        batch_op.drop_index("ix_deliveries_endpoint_id")
        batch_op.drop_index(
            "ix_deliveries_due",
            sqlite_where=sa.text("status = 'due'"),
            postgresql_where=sa.text("status = 'due'"),
        )
        batch_op.drop_index(
            "ix_deliveries_dead",
            sqlite_where=sa.text("status = 'dead'"),
            postgresql_where=sa.text("status = 'dead'"),
        )

    op.drop_table("deliveries")
    with op.batch_alter_table("connectors", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_connectors_seq"))

    op.drop_table("connectors")
    with op.batch_alter_table("commands", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_commands_queue",
            sqlite_where=sa.text("status = 'queued'"),
            postgresql_where=sa.text("status = 'queued'"),
        )
        batch_op.drop_index(batch_op.f("ix_commands_operation_id"))
        batch_op.drop_index(
            "ix_commands_open",
            sqlite_where=sa.text("status IN ('queued', 'sent')"),
            postgresql_where=sa.text("status IN ('queued', 'sent')"),
        )
        batch_op.drop_index("ix_commands_charger_id")

    op.drop_table("commands")
    op.drop_table("charger_variables")
    with op.batch_alter_table("webhook_endpoints", schema=None) as batch_op:
        batch_op.drop_index("ix_webhook_endpoints_partner_id")

    op.drop_table("webhook_endpoints")
    with op.batch_alter_table("station_grants", schema=None) as batch_op:
        batch_op.drop_index("ix_station_grants_station_id")

    op.drop_table("station_grants")
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_index("ix_events_object_id")

    op.drop_table("events")
    with op.batch_alter_table("chargers", schema=None) as batch_op:
        batch_op.drop_index("ix_chargers_updated_at")
        batch_op.drop_index(batch_op.f("ix_chargers_station_id"))
        batch_op.drop_index("ix_chargers_node_id")

    op.drop_table("chargers")
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_api_keys_partner_id"))

    op.drop_table("api_keys")
    with op.batch_alter_table("stations", schema=None) as batch_op:
        batch_op.drop_index("ix_stations_updated_at")

    op.drop_table("stations")
    with op.batch_alter_table("refused_handshakes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_refused_handshakes_last_at"))

    op.drop_table("refused_handshakes")
    op.drop_table("partners")
    op.drop_table("operator_tokens")
    op.drop_table("nodes")
    with op.batch_alter_table("meter_values", schema=None) as batch_op:
        batch_op.drop_index("ix_meter_values_session_id")

    op.drop_table("meter_values")
    op.drop_table("id_tokens")
    with op.batch_alter_table("frames", schema=None) as batch_op:
        batch_op.drop_index("ix_frames_operation_id")
        batch_op.drop_index("ix_frames_charger_id")
        batch_op.drop_index("ix_frames_at")

    op.drop_table("frames")
    op.drop_table("counters")
    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_entries_object_id")

    op.drop_table("audit_entries")
