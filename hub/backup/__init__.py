"""Backup and restore of a hub: SQL, InfluxDB, authority, profile and configuration in one encrypted file."""
