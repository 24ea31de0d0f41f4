"""Samples to InfluxDB: line encoding, the one HTTP code path, and the writer that handles every answer."""
