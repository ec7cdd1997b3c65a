"""Meter samples as OCPP 2.0.1 writes them."""

from typing import Any

from simulator.clock import timestamp
from simulator.dialect import Sample


def meter_value(sample: Sample) -> Any:
    """Return the sample as a MeterValueType."""
    values = [
        ("Energy.Active.Import.Register", sample.register_wh, "Wh"),
        ("Power.Active.Import", round(sample.power_w), "W"),
        ("SoC", round(sample.soc_percent), "Percent"),
        ("Current.Import", round(sample.current_a, 1), "A"),
        ("Voltage", sample.voltage_v, "V"),
    ]
    return {
        "timestamp": timestamp(sample.at),
        "sampledValue": [
            {
                "value": value,
                "context": sample.context,
                "measurand": measurand,
                "unitOfMeasure": {"unit": unit},
            }
            for measurand, value, unit in values
        ],
    }
