"""What breaks the invariants of desired state and of fleet commands, to be planted."""

from typing import Final

WISH = """
    INSERT INTO desired_states (number, id, charger_id, kind, key, present, wanted, status,
        attempts, due_at, command_id, requested_by, created_at, changed_at)
    VALUES ({number}, 'des{number}', 'cp', 'variable', 'k{number}', TRUE, '{{}}', 'sent', 1,
        :long_ago, {command}, 'cli', :long_ago, :long_ago)
"""
COMMAND = """
    INSERT INTO commands (number, id, charger_id, kind, arguments, priority, status, desired_id,
        fleet_target_id, requested_by, timeout_s, expires_at, created_at)
    VALUES (7, 'cmd7', 'cp', 'clear_cache', '{{}}', 90, '{status}', {wish}, {target}, 'cli', 1,
        :long_ago, :long_ago)
"""
FLEET = """
    INSERT INTO fleet_commands (number, id, request_id, body, status, concurrency, offline,
        timeout_s, deadline_at, requested_by, created_at, changed_at, closed_at)
    VALUES (1, 'flt', 'r', '{{}}', '{status}', 1, 'skip', 1, :future, 'cli', :long_ago, :long_ago,
        {closed})
"""
TARGET = """
    INSERT INTO fleet_targets (number, id, fleet_command_id, charger_id, status, command_id)
    VALUES (1, 'flx', 'flt', 'cp', '{status}', {command})
"""


def wish(number: int = 1, command: str = "'cmd7'") -> str:
    return WISH.format(number=number, command=command)


def command(status: str, *, wish: str = "'des1'", target: str = "NULL") -> str:
    return COMMAND.format(status=status, wish=wish, target=target)


def fleet(status: str, *, closed: str = "NULL") -> str:
    return FLEET.format(status=status, closed=closed)


def target(status: str, *, command: str = "'cmd7'") -> str:
    return TARGET.format(status=status, command=command)


def both(*statements: str) -> str:
    return "; ".join(statements)


SENT: Final = command("sent", wish="NULL", target="'flx'")

PLANTS_OF_WISHES: Final = (
    ("desired", "a wish that is sent has its command", wish(command="'cmd9'")),
    (
        "desired",
        "one at a time at a charger",
        both(command("sent"), wish(), wish(2)),
    ),
    ("desired", "whose command has an answer", both(command("answered"), wish())),
    ("desired", "ended unanswered", both(command("expired"), wish())),
    (
        "fleet",
        "that is over",
        both(SENT, fleet("finished", closed=":long_ago"), target("sent")),
    ),
    ("fleet", "that is over", both(fleet("cancelled"), target("pending", command="NULL"))),
    ("fleet", "that is under way", both(fleet("running"), target("sent"))),
    (
        "fleet",
        "a target whose command has an answer",
        both(command("answered", wish="NULL", target="'flx'"), fleet("running"), target("sent")),
    ),
)
