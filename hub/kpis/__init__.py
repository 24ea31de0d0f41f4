"""What the walls show and is no sample: alarms, incidents, beds, gateways, the hub itself, as points for InfluxDB."""
