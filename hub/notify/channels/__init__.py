"""Ways to reach people: signed webhook, Apprise, and a recording one, all under one contract."""
