"""The region profile: the folder that makes a city. No city is in the code."""

from hub.region.loader import load
from hub.region.model import (
    Agency,
    Button,
    Camera,
    Channel,
    ChannelKind,
    Device,
    Downstream,
    Gateway,
    Limits,
    Region,
    RiseRule,
    Site,
    Source,
    Station,
    Vehicle,
    Ward,
)

__all__ = [
    "Agency",
    "Button",
    "Camera",
    "Channel",
    "ChannelKind",
    "Device",
    "Downstream",
    "Gateway",
    "Limits",
    "Region",
    "RiseRule",
    "Site",
    "Source",
    "Station",
    "Vehicle",
    "Ward",
    "load",
]
