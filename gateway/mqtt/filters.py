"""Which subscriptions a topic belongs to: MQTT's filters, with ``+`` and ``#``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Level(Generic[T]):
    below: dict[str, _Level[T]] = field(default_factory=dict)
    here: list[T] = field(default_factory=list)


class Routes(Generic[T]):
    """Filters and their targets; a look-up costs by the topic's depth, not by the number of filters."""

    def __init__(self) -> None:
        self._exact: dict[str, list[T]] = {}
        self._wild: _Level[T] = _Level()
        self.filters: dict[str, None] = {}
        """Every filter once, in the order of adding."""

    def add(self, topic_filter: str, leads_to: T) -> None:
        """Make topics that match ``topic_filter`` lead to ``leads_to``, too."""
        self.filters[topic_filter] = None
        if "+" not in topic_filter and "#" not in topic_filter:
            self._exact.setdefault(topic_filter, []).append(leads_to)
            return
        level = self._wild
        for part in topic_filter.split("/"):
            level = level.below.setdefault(part, _Level())
        level.here.append(leads_to)

    def of(self, topic: str) -> list[T]:
        """Return everything that ``topic`` leads to."""
        found = list(self._exact.get(topic, ()))
        if not self._wild.below:
            return found
        levels = [self._wild]
        for part in topic.split("/"):
            deeper: list[_Level[T]] = []
            for level in levels:
                if "#" in level.below:
                    found.extend(level.below["#"].here)
                deeper.extend(level.below[name] for name in (part, "+") if name in level.below)
            levels = deeper
            if not levels:
                return found
        for level in levels:
            found.extend(level.here)
            if "#" in level.below:  # a/# matches a, too
                found.extend(level.below["#"].here)
        return found
