"""The gateway: reads devices, keeps every record on its card, and sends it until the hub has proved that it is stored."""
