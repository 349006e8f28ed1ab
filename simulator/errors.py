"""The simulator's exceptions, as a tree.

SimulatorError
├── FaultError      a fault asked for that cannot be          (simulator.faults)
├── LoginsError     the devices' logins can't be read         (simulator.wires)
└── QuestionError   a question about the truth that makes no sense (simulator.truth)
"""

from __future__ import annotations


class SimulatorError(Exception):
    """Base of the simulator's errors; the text names the cause."""


class FaultError(SimulatorError):
    """A fault asked for that cannot be."""


class LoginsError(SimulatorError):
    """The devices' logins can't be read."""


class QuestionError(SimulatorError):
    """A question about the truth that makes no sense."""
