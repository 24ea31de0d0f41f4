"""The real Ciliwung, 2021 to 2023, under the hub's own rules: how many alarms, and how early."""
