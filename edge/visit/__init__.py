"""What a technician does at the box: read a point, look for devices, see what waits, ask what is wrong."""
