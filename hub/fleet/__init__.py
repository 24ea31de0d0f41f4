"""The gateways: who is known, who is there, who has fallen silent."""
