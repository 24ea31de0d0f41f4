"""A gateway's commissioning: what a technician proves on site before anybody relies on it, and the record of it."""
