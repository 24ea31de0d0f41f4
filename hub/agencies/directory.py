"""The directory of a city, one value: agencies, contacts, who is on duty, and whom an incident is for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from hub.agencies.areas import Area
from hub.agencies.files import STEPS, RouteEntry, Step
from hub.agencies.roster import Roster
from hub.notify.policy import Priority
from hub.region import Agency, Region

URGENT_FIRST: Mapping[str, Priority] = MappingProxyType(
    {"critical": Priority.CRITICAL, "high": Priority.HIGH, "medium": Priority.MEDIUM, "low": Priority.LOW}
)
"""The words of the files for how urgent something is."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A person or a desk of an agency.

    Attributes:
        step: when in an escalation it is asked.
        phone, email: empty where there is none.
        channels: ids of channels of the hub's configuration, in the order in which they are tried.
        exercise: stands in for the real ones in drills, and is asked by nothing else.
    """

    id: str
    agency: str
    name: str
    step: Step
    phone: str = ""
    email: str = ""
    channels: tuple[str, ...] = ()
    exercise: bool = False


@dataclass(frozen=True, slots=True)
class Delays:
    """How long each step of an escalation is waited for before the next is asked, in seconds."""

    operator_s: float = 15.0
    dispatch_s: float = 60.0
    agency_s: float = 120.0
    second_s: float = 120.0
    supervisor_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Directory:
    """Agencies and contacts of a city, checked: every name that is used is defined.

    Ask it at use and do not keep it: people edit it while the hub runs.

    Attributes:
        version: of the files that it was read from; the same files have the same version.
        contacts: the real ones; in a directory for an exercise only those for exercises.
        delays_by_kind: with "" for every kind that is not named.
    """

    agencies: Mapping[str, Agency]
    roster: Roster
    contacts: Mapping[str, Contact] = field(default_factory=dict)
    exercise_contacts: Mapping[str, Contact] = field(default_factory=dict)
    areas: Mapping[str, Area] = field(default_factory=dict)
    routes: tuple[RouteEntry, ...] = ()
    delays_by_kind: Mapping[str, Delays] = field(default_factory=dict)
    version: str = ""

    def route(
        self, kind: str, priority: Priority, lat: float | None, lon: float | None, at_ms: int
    ) -> tuple[Agency, ...]:
        """The agencies that an incident is for, in the order of the routes, each once.

        It is a suggestion to the person who dispatches. Where the place is unknown, routes of an area do not fit.
        What fits no route goes by the routes that are for the rest.
        """
        here = {area.id for area in self.areas_at(lat, lon)}
        fitting = [
            route
            for route in self.routes
            if not route.otherwise
            and (not route.kinds or kind in route.kinds)
            and priority <= URGENT_FIRST[route.at_least]
            and (not route.areas or here.intersection(route.areas))
            and self.roster.holds(route.during, at_ms)
        ]
        fitting = fitting or [route for route in self.routes if route.otherwise]
        return tuple(
            self.agencies[name] for name in dict.fromkeys(name for one in fitting for name in one.agencies)
        )

    def areas_at(self, lat: float | None, lon: float | None) -> tuple[Area, ...]:
        """The areas that a place is in; none for an unknown place."""
        if lat is None or lon is None:
            return ()
        return tuple(area for area in self.areas.values() if area.holds(lat, lon))

    def on_duty(self, agency: str, step: Step, at_ms: int) -> tuple[Contact, ...]:
        """Who of an agency is asked at a step: by the roster, or where it is silent all contacts of the step.

        Nobody only where the agency has no contact of that step at all.
        """
        by_roster = self.roster.on_duty(agency, step, at_ms)
        if by_roster:
            return tuple(self.contacts[name] for name in by_roster)
        return tuple(one for one in self.contacts.values() if (one.agency, one.step) == (agency, step))

    def step_after(self, agency: str, step: Step | None, at_ms: int) -> Step | None:
        """The next step of an agency at which somebody is asked; from the beginning after None; None after the last."""
        later = STEPS[0 if step is None else STEPS.index(step) + 1 :]
        return next((one for one in later if self.on_duty(agency, one, at_ms)), None)

    def delays(self, kind: str) -> Delays:
        """How long each step is waited for with an incident of that kind."""
        return self.delays_by_kind.get(kind) or self.delays_by_kind.get("") or Delays()

    def exercise(self) -> Directory:
        """The same city for a drill: it holds no address of a real contact and no channel of a real agency."""
        return replace(
            self,
            agencies=MappingProxyType(
                {name: replace(one, channels=()) for name, one in self.agencies.items()}
            ),
            contacts=self.exercise_contacts,
            roster=replace(self.roster, duties=()),
        )


def plain(region: Region) -> Directory:
    """The agencies of a region, of which nobody has written down contacts, routes or duties."""
    return Directory(region.agencies, Roster(region.zone, {}, (), ()))
