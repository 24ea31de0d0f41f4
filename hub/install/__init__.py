"""Siaga as services of systemd: units with hardening, accounts, folders."""
