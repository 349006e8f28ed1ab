"""The gateway's exceptions, as a tree.

GatewayError
├── ConfigError      the file of gateways cannot be used              (gateway.config)
├── DriverError      a device said what its driver cannot read        (gateway.drivers)
├── SignatureError   a list or command that is not the centre's       (gateway.contract.signing)
├── ListRefused      a list, a part of one or a delta not to be used   (gateway.contract.list_parts)
│   └── WholeNeeded  it is the centre's, and only the whole list helps
├── OrderRefused   a command that is nobody's, or another's          (gateway.door.orders)
├── MqttUrlError     a broker's address that cannot be read           (gateway.mqtt.address)
└── SpoolError       the spool cannot take or give events             (gateway.spool.sqlite_file)
    └── TooLarge     one event is larger than the contract allows
"""

from __future__ import annotations


class GatewayError(Exception):
    """Anything the gateway refuses; the text says what and why."""
