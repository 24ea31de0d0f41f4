"""The hub: what gateways say becomes rows, alarms, incidents and notices; receipts go after the commit."""
