"""Geometry of the timeline: a lane for each control plane, with its scenarios, components and events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.core.result import Event, Outcome, RunReport, ScenarioResult
from pipeline.report.figures import duration, offset
from pipeline.report.plots import Tick, time_ticks

NO_PLANE: Final = "no control plane"
_ENDS: Final = ("stopped", "killed", "died", "exited")
_NARROWEST: Final = 0.35
_ROOM_FOR_LABEL: Final = 3.6


@dataclass(frozen=True, slots=True)
class Span:
    """A scenario's bar or a component's life; `x` and `width` in percent."""

    x: float
    width: float
    label: str
    link: str
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Mark:
    """An event; `x` in percent."""

    x: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class ComponentRow:
    """The lives and events of one component."""

    name: str
    lives: tuple[Span, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Lane:
    """One control plane: rows of scenarios that do not overlap, and its components."""

    plane: str
    rows: tuple[tuple[Span, ...], ...]
    components: tuple[ComponentRow, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything that happened, from the run's start to its end."""

    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class _Scale:
    start: float
    length: float

    def x(self, at: float) -> float:
        return round(min(100.0, max(0.0, (at - self.start) / self.length * 100)), 3)


def timeline_of(run: RunReport) -> Timeline | None:
    """Return the timeline of a run; None when nothing happened."""
    ran = [item for item in run.scenarios if item.outcome is not Outcome.NOT_RUN and item.started_at]
    if not ran and not run.events:
        return None
    scale = _Scale(run.started_at, max(run.finished_at - run.started_at, 1e-3))
    scenarios: defaultdict[str, list[ScenarioResult]] = defaultdict(list)
    events: defaultdict[str, list[Event]] = defaultdict(list)
    for scenario in ran:
        scenarios[scenario.plane or NO_PLANE].append(scenario)
    for event in run.events:
        events[event.plane or NO_PLANE].append(event)
    planes = sorted({*scenarios, *events}, key=lambda plane: _begin(scenarios[plane], events[plane]))
    lanes = tuple(_lane(plane, scenarios[plane], events[plane], scale) for plane in planes)
    return Timeline(lanes, tuple(time_ticks(scale.length)))


def _begin(scenarios: Sequence[ScenarioResult], events: Sequence[Event]) -> float:
    return min([*(item.started_at for item in scenarios), *(event.at for event in events)])


def _lane(plane: str, scenarios: Sequence[ScenarioResult], events: Sequence[Event], scale: _Scale) -> Lane:
    rows: list[list[ScenarioResult]] = []
    for scenario in sorted(scenarios, key=lambda item: (item.started_at, item.id)):
        free = next((row for row in rows if _end(row[-1]) <= scenario.started_at), None)
        if free is None:
            free = []
            rows.append(free)
        free.append(scenario)
    by_component: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_component[event.component].append(event)
    return Lane(
        plane,
        tuple(tuple(_bar(item, scale) for item in row) for row in rows),
        tuple(_component(name, found, scale) for name, found in by_component.items()),
    )


def _end(scenario: ScenarioResult) -> float:
    return scenario.started_at + scenario.duration_s


def _bar(scenario: ScenarioResult, scale: _Scale) -> Span:
    x = scale.x(scenario.started_at)
    width = max(_NARROWEST, scale.x(_end(scenario)) - x)
    title = f"{scenario.id} {scenario.title}: {scenario.outcome}, {duration(scenario.duration_s)}"
    label = scenario.id if width >= _ROOM_FOR_LABEL else ""
    return Span(x, round(width, 3), label, f"#{scenario.id}", kind_of(scenario.outcome), title)


def _component(name: str, events: Sequence[Event], scale: _Scale) -> ComponentRow:
    ordered = sorted(events, key=lambda event: event.at)
    return ComponentRow(name, tuple(_lives(ordered, scale)), tuple(_mark(event, scale) for event in ordered))


def _lives(events: Sequence[Event], scale: _Scale) -> Iterable[Span]:
    born: Event | None = None
    for event in events:
        if event.what.startswith("started"):
            born = born or event
        elif born is not None and event.what.startswith(_ENDS):
            yield _life(born, event.at, event.what, scale)
            born = None
    if born is not None:
        yield _life(born, scale.start + scale.length, "until the end", scale)


def _life(born: Event, until: float, how: str, scale: _Scale) -> Span:
    x = scale.x(born.at)
    title = f"{born.component}: {offset(born.at, scale.start)} to {offset(until, scale.start)} ({how})"
    return Span(x, round(max(_NARROWEST, scale.x(until) - x), 3), "", "", "life", title)


def _mark(event: Event, scale: _Scale) -> Mark:
    bad = event.what.startswith(("died", "killed", "exited"))
    kind = "bad" if bad else "ready" if event.what.startswith("ready") else "plain"
    return Mark(scale.x(event.at), kind, f"{event.component} {event.what} at {offset(event.at, scale.start)}")


def kind_of(outcome: Outcome) -> str:
    """Return the name of an outcome's colour in the style sheet."""
    return outcome.value.replace(" ", "-")
