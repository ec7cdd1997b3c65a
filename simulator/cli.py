"""``voltgate-sim``: simulated chargers from the command line."""

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from simulator.behaviours import Behaviour
from simulator.config import ChargerConfig, TlsVersion, Version
from simulator.display import behaviours_table, quirks_table, steps_table, switches_table
from simulator.fleet import Activity, station_of_behaviours
from simulator.loading import ScenarioError
from simulator.loading import behaviour as behaviour_named
from simulator.loading import quirks as quirks_named
from simulator.loading import switches as switches_named
from simulator.quirk_hooks import Quirk
from simulator.running import run_charger, run_fleet, run_scenario
from simulator.scenario import EXAMPLES, load
from simulator.switches import Switches

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="""Simulated OCPP 1.6-J and 2.0.1 chargers.

    Connects to any central system: boots, reports, answers, charges. Every charger keeps a ledger
    of what it sent, what was acknowledged and what it was asked ([bold]--ledger[/bold]).

    Answers every action of both versions, with state behind it: device model and monitors, charging
    profiles that change the power, local list, firmware and log uploads with their statuses,
    certificates, display messages. [bold]--switch[/bold] chooses outcomes (see [bold]voltgate-sim
    switches[/bold]), [bold]--quirk[/bold] makes it deviate (see [bold]voltgate-sim quirks[/bold]).

    Over TLS: [bold]--url wss://HOST/ocpp --ca ca.pem[/bold], and with a certificate of its own
    [bold]--profile 3 --certificate charger.pem --key charger.key[/bold].

    Try: [bold]voltgate-sim run --identity CP-1 --password secret --speed 60 --start DRIVER-1[/bold]
    """,
)


class VersionName(StrEnum):
    """OCPP versions as the command line names them."""

    V16 = "1.6"
    V201 = "2.0.1"


class Mix(StrEnum):
    """Versions of a fleet."""

    V16 = "1.6"
    V201 = "2.0.1"
    BOTH = "both"


class TlsName(StrEnum):
    """TLS versions as the command line names them."""

    V10 = "1.0"
    V11 = "1.1"
    V12 = "1.2"
    V13 = "1.3"


VERSIONS: dict[str, Version] = {"1.6": "1.6", "2.0.1": "2.0.1"}
TLS_VERSIONS: dict[str, TlsVersion] = {"1.0": "1.0", "1.1": "1.1", "1.2": "1.2", "1.3": "1.3"}

Url = Annotated[
    str, typer.Option(help="Address of the central system; the charger adds /IDENTITY.")
]
Password = Annotated[
    str | None,
    typer.Option(
        envvar="VOLTGATE_SIM_PASSWORD",
        help="For Basic authentication; better in the environment than on the command line.",
    ),
]
BehaviourName = Annotated[
    str, typer.Option(help="ok, reject, nocar, ...: see [bold]voltgate-sim behaviours[/bold].")
]
Speed = Annotated[
    float, typer.Option(min=0.001, help="Simulated seconds per real second; 60: a minute.")
]
Seed = Annotated[int | None, typer.Option(help="Makes chance repeatable.")]
MeterInterval = Annotated[
    float, typer.Option(min=0, help="Between two meter values, simulated seconds; 0: none.")
]
Session = Annotated[
    float | None,
    typer.Option(min=0, help="A driver ends each session after this, simulated seconds."),
]
Duration = Annotated[
    float | None, typer.Option(min=0, help="End after this, real seconds; else at Ctrl-C.")
]
LedgerFile = Annotated[
    Path | None, typer.Option(dir_okay=False, help="Write the ledger here as JSON at the end.")
]
PemFile = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="CAs to trust, PEM; else the system's."),
]
Switched = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="firmware=download_failed, ...; may be repeated."),
]
Quirked = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="A deviation; may be repeated.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no frames.")]

DEFAULT_RAMP_PER_S = 50.0
DEFAULT_URL = "ws://127.0.0.1:9000/ocpp"


@app.command()
def run(
    identity: Annotated[str, typer.Option(help="Identity the charger connects with.")] = "CP-1",
    url: Url = DEFAULT_URL,
    password: Password = None,
    version: Annotated[VersionName, typer.Option(help="OCPP version.")] = VersionName.V16,
    behaviour: BehaviourName = "ok",
    connectors: Annotated[int, typer.Option(min=1, max=64)] = 1,
    start: Annotated[
        str | None, typer.Option(metavar="TOKEN", help="Start a local session with this token.")
    ] = None,
    speed: Speed = 1.0,
    seed: Seed = None,
    meter_interval: MeterInterval = 60.0,
    heartbeat: Annotated[
        float | None, typer.Option(min=0.1, help="Simulated seconds; else as told at boot.")
    ] = None,
    session: Session = None,
    auto_plug: Annotated[
        bool, typer.Option(help="A car appears after a remote start and leaves after the end.")
    ] = True,
    profile: Annotated[
        int, typer.Option(min=0, max=3, help="Security profile: 1 password, 2 and TLS, 3 mTLS.")
    ] = 1,
    ca: PemFile = None,
    certificate: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="PEM chain, profile 3.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Its private key, PEM.")
    ] = None,
    tls_min: Annotated[TlsName, typer.Option(help="Oldest TLS version it speaks.")] = TlsName.V12,
    tls_max: Annotated[TlsName, typer.Option(help="Newest TLS version it speaks.")] = TlsName.V13,
    switch: Switched = None,
    quirk: Quirked = None,
    duration: Duration = None,
    ledger: LedgerFile = None,
    quiet: Quiet = False,
) -> None:
    """Run one charger and show what is said in each direction."""
    config = ChargerConfig(
        identity=identity,
        version=VERSIONS[version.value],
        url=url,
        password=password,
        connectors=connectors,
        behaviour=_behaviour(behaviour),
        speed=speed,
        seed=seed,
        meter_interval_s=meter_interval,
        heartbeat_s=heartbeat,
        session_s=session,
        auto_plug=auto_plug,
        security_profile=profile,
        ca_file=ca,
        client_certificate=certificate,
        client_key=key,
        tls_min=TLS_VERSIONS[tls_min.value],
        tls_max=TLS_VERSIONS[tls_max.value],
        switches=_switches(switch),
        quirks=_quirks(quirk),
    )
    asyncio.run(
        run_charger(
            config,
            console=Console(),
            token=start,
            duration_s=duration,
            quiet=quiet,
            ledger=ledger,
        )
    )


@app.command()
def fleet(
    count: Annotated[int, typer.Option(min=1, help="How many chargers.")] = 10,
    prefix: Annotated[
        str, typer.Option(help="Identities are PREFIX1, PREFIX2, ... with leading zeros.")
    ] = "SIM-",
    url: Url = DEFAULT_URL,
    password: Password = None,
    version: Annotated[Mix, typer.Option(help="OCPP version; both: in turns.")] = Mix.BOTH,
    behaviour: BehaviourName = "ok",
    connectors: Annotated[int, typer.Option(min=1, max=64)] = 1,
    ramp: Annotated[
        float, typer.Option(min=0.01, help="New connections per real second.")
    ] = DEFAULT_RAMP_PER_S,
    token: Annotated[
        list[str] | None,
        typer.Option(help="Drivers come with these tokens and charge; may be repeated."),
    ] = None,
    pause: Annotated[
        float, typer.Option(min=1, help="Mean time between drivers, simulated seconds.")
    ] = 60.0,
    session: Annotated[
        float, typer.Option(min=1, help="Mean length of a session, simulated seconds.")
    ] = 300.0,
    speed: Speed = 1.0,
    seed: Seed = None,
    meter_interval: MeterInterval = 60.0,
    validate: Annotated[
        bool, typer.Option(help="Check frames against the schemas; costs processor time.")
    ] = False,
    duration: Duration = None,
    ledger: LedgerFile = None,
    quiet: Quiet = False,
) -> None:
    """Run many chargers with one password, with drivers if tokens are given.

    Exit code 1 if a transaction message was refused or no charger ever connected.
    """
    width = len(str(count))
    plan = _behaviour(behaviour)
    configs = [
        ChargerConfig(
            identity=f"{prefix}{number:0{width}}",
            version=_version(version, number),
            url=url,
            password=password,
            connectors=connectors,
            behaviour=plan,
            speed=speed,
            seed=None if seed is None else seed + number,
            meter_interval_s=meter_interval,
            validate=validate,
        )
        for number in range(1, count + 1)
    ]
    activity = None
    if token:
        activity = Activity(pause_s=pause, session_s=session, tokens=tuple(token))
    summary = asyncio.run(
        run_fleet(
            configs,
            console=Console(),
            ramp_per_s=ramp,
            activity=activity,
            duration_s=duration,
            quiet=quiet,
            ledger=ledger,
            seed=seed,
        )
    )
    silent = plan is not Behaviour.OFFLINE and not summary.connections
    if summary.errors or silent:
        raise typer.Exit(1)


@app.command()
def station(
    url: Url = DEFAULT_URL,
    password: Password = None,
    version: Annotated[VersionName, typer.Option(help="OCPP version.")] = VersionName.V16,
    speed: Speed = 1.0,
    seed: Seed = None,
    meter_interval: MeterInterval = 60.0,
    duration: Duration = None,
    ledger: LedgerFile = None,
    quiet: Quiet = False,
) -> None:
    """Run a test station: SIM-OK, SIM-REJECT, ...: one charger for each named behaviour."""
    common = ChargerConfig(
        identity="SIM",
        version=VERSIONS[version.value],
        url=url,
        password=password,
        speed=speed,
        seed=seed,
        meter_interval_s=meter_interval,
    )
    asyncio.run(
        run_fleet(
            station_of_behaviours(common),
            console=Console(),
            ramp_per_s=DEFAULT_RAMP_PER_S,
            activity=None,
            duration_s=duration,
            quiet=quiet,
            ledger=ledger,
            seed=seed,
        )
    )


@app.command()
def scenario(
    file: Annotated[
        str, typer.Argument(help="A TOML file, or the name of an example shipped with voltgate.")
    ],
    url: Annotated[str | None, typer.Option(help="Instead of the file's.")] = None,
    password: Password = None,
    speed: Annotated[float | None, typer.Option(min=0.001, help="Instead of the file's.")] = None,
    ledger: LedgerFile = None,
    quiet: Quiet = False,
) -> None:
    """Play a scenario file; exit code 1 at the first step that does not hold.

    Examples: ordinary_day, away_for_a_day, power_cut.
    """
    shipped = EXAMPLES / f"{file}.toml"
    path = shipped if shipped.is_file() and not Path(file).exists() else Path(file)
    console = Console()
    try:
        plan = load(path, url=url, password=password, speed=speed)
        asyncio.run(run_scenario(plan, console=console, quiet=quiet, ledger=ledger))
    except ScenarioError as error:
        Console(stderr=True).print(str(error), style="bold red", markup=False)
        raise typer.Exit(1) from error
    console.print(f"{plan.name}: all {len(plan.steps)} steps held", style="bold green")


@app.command()
def behaviours() -> None:
    """List the named behaviours of test mode."""
    Console().print(behaviours_table())


@app.command()
def steps() -> None:
    """List what can happen in a scenario file."""
    Console().print(steps_table())


@app.command()
def switches() -> None:
    """List the outcomes that can be chosen (--switch NAME=VALUE, or a table in a scenario)."""
    Console().print(switches_table())


@app.command()
def quirks() -> None:
    """List the deviations from the protocol a charger can have (--quirk NAME)."""
    Console().print(quirks_table())


def _switches(given: list[str] | None) -> Switches:
    pairs = [item.partition("=") for item in given or []]
    try:
        return switches_named({name: value for name, _, value in pairs})
    except ScenarioError as error:
        raise typer.BadParameter(str(error)) from error


def _quirks(names: list[str] | None) -> tuple[Quirk, ...]:
    try:
        return quirks_named(names or [])
    except ScenarioError as error:
        raise typer.BadParameter(str(error)) from error


def _behaviour(name: str) -> Behaviour:
    try:
        return behaviour_named(name)
    except ScenarioError as error:
        raise typer.BadParameter(str(error)) from error


def _version(mix: Mix, number: int) -> Version:
    if mix is Mix.BOTH:
        return "1.6" if number % 2 else "2.0.1"
    return VERSIONS[mix.value]


def main() -> None:
    """Run the command line; Ctrl-C is an ordinary end."""
    try:
        app()
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
