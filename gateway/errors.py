"""The gateway's exceptions.

GatewayError
├── ConfigError      the gateways' file can't be used                    (gateway.config)
├── IdentityError    the identity folder can't be used or written         (gateway.identity)
├── DriverError      a driver can't read a device's message              (gateway.drivers)
├── SealError        a sealed text that can't be opened                (gateway.contract.sealed)
├── SignatureError   a list or order not signed by the centre            (gateway.contract.signing)
├── ListRefused      a list, part or delta that must not be used         (gateway.contract.list_parts)
│   └── WholeNeeded  it is the centre's, but the whole list is needed
├── OrderRefused     an order not signed, or for another gateway         (gateway.door.orders)
├── MqttUrlError     a broker's address that can't be read               (gateway.mqtt.address)
└── SpoolError       the spool can't store or return events              (gateway.spool.sqlite_file)
"""

from __future__ import annotations


class GatewayError(Exception):
    """Anything the gateway refuses; the text says what and why."""
