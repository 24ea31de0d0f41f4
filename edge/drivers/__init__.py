"""What speaks to devices. A driver turns bytes and edges into readings; it stores nothing and judges nothing."""
