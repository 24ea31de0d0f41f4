"""A gateway's configuration: one strict TOML file into frozen objects. Nothing reads a dict later."""

from edge.config.attendance import Attendance, CardReader, Listen, Pull, Reader
from edge.config.cameras import Camera, SnapshotSettings
from edge.config.contacts import CONTACT_KINDS, Contact, Lights, Role, SupervisedLoop
from edge.config.file import DEVICE_TABLES, Config, load, loads
from edge.config.gateway import Box, Broker, Enrolment, Gateway, SecondPath, Sms, SpoolSettings
from edge.config.instruments import BedRadar, CurrentLoop, RainGauge, Ultrasonic
from edge.config.mobile import Gps, Gpsd
from edge.config.modbus import Device, RtuBus, Source, TcpBus
from edge.config.nodes import LocalBroker, Node, NodeModel, NodePress, NodeState, NodeValue
from edge.config.section import PointLimits
from edge.config.simulated import SimulatedDevice, Wave

__all__ = [
    "CONTACT_KINDS",
    "DEVICE_TABLES",
    "Attendance",
    "BedRadar",
    "Box",
    "Broker",
    "Camera",
    "CardReader",
    "Config",
    "Contact",
    "CurrentLoop",
    "Device",
    "Enrolment",
    "Gateway",
    "Gps",
    "Gpsd",
    "Lights",
    "Listen",
    "LocalBroker",
    "Node",
    "NodeModel",
    "NodePress",
    "NodeState",
    "NodeValue",
    "PointLimits",
    "Pull",
    "RainGauge",
    "Reader",
    "Role",
    "RtuBus",
    "SecondPath",
    "SimulatedDevice",
    "Sms",
    "SnapshotSettings",
    "Source",
    "SpoolSettings",
    "SupervisedLoop",
    "TcpBus",
    "Ultrasonic",
    "Wave",
    "load",
    "loads",
]
