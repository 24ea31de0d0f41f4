"""``python -m hub.migrations "what changes"``: write the migration from the newest schema to the declared one.

Look at what it wrote before you commit it: a renamed column looks to it like one dropped and one added.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config

from hub.db import MIGRATIONS, production_engine


def main(text: str) -> None:
    """Compare a store that has every migration so far with the declared tables, and write the difference."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    number = len(list((MIGRATIONS / "versions").glob("[0-9]*.py"))) + 1
    with tempfile.TemporaryDirectory() as folder:
        engine = production_engine(f"sqlite:///{Path(folder) / 'empty.sqlite'}", True)
        with engine.begin() as conn:
            config.attributes["connection"] = conn
            command.upgrade(config, "head")
            command.revision(config, message=text, autogenerate=True, rev_id=f"{number:04d}")
        engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1])
