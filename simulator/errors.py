"""The simulator's exceptions, as a tree.

SimulatorError
├── FaultError      a fault asked for that cannot be          (simulator.faults)
└── QuestionError   a question about the truth that makes no sense (simulator.truth)
"""

from __future__ import annotations


class SimulatorError(Exception):
    """Anything the simulator refuses; the text says what and why."""


class FaultError(SimulatorError):
    """A fault asked for that cannot be."""


class QuestionError(SimulatorError):
    """A question about the truth that makes no sense."""
