"""Meter samples as OCPP 1.6 writes them."""

from simulator.clock import timestamp
from simulator.dialect import Sample
from simulator.ledger import Payload


def meter_value(sample: Sample) -> Payload:
    """Return the sample as a 1.6 meterValue."""
    values = [
        ("Energy.Active.Import.Register", str(sample.register_wh), "Wh"),
        ("Power.Active.Import", f"{sample.power_w:.0f}", "W"),
        ("SoC", f"{sample.soc_percent:.0f}", "Percent"),
        ("Current.Import", f"{sample.current_a:.1f}", "A"),
        ("Voltage", str(sample.voltage_v), "V"),
    ]
    return {
        "timestamp": timestamp(sample.at),
        "sampledValue": [
            {"value": value, "context": sample.context, "measurand": measurand, "unit": unit}
            for measurand, value, unit in values
        ],
    }
