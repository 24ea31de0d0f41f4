"""The models of nodes: one TOML file for each sort, which says what its messages mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from contract import strict_toml
from contract.strict_toml import Mistake, MistakesError, closest
from edge.config.nodes import Node, NodeModel

SHIPPED = Path(__file__).resolve().parents[3] / "firmware_configs" / "nodes"
"""The models that come with Siaga; beside the packages both in a checkout and in an installed wheel."""


class Models:
    """Models by name; those of the site come before the shipped ones."""

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self._folders = (*folders, SHIPPED)

    @property
    def names(self) -> tuple[str, ...]:
        """Every shipped model."""
        return tuple(sorted(path.stem for path in SHIPPED.glob("*.toml")))

    def load(self, name: str) -> NodeModel:
        """The model of that name.

        Raises:
            TomlError: its file has mistakes.
            MistakesError: there is no such file.
        """
        for folder in self._folders:
            path = folder / f"{name}.toml"
            if path.is_file():
                return strict_toml.load(path, NodeModel)
        raise MistakesError(
            Mistake(f"no node model is called {name!r}", at=("model",), instead=closest(name, self.names))
        )

    def meaning(self, node: Node) -> NodeModel:
        """What the messages of a node mean.

        Raises:
            TomlError, MistakesError: as ``load``; or its own settings do not fit the model.
        """
        return node.meaning(None if node.model is None else self.load(node.model))

    def check(self, nodes: Sequence[Node]) -> Iterator[Mistake]:
        """What the nodes of a configuration ask that their models do not have."""
        for at, node in enumerate(nodes):
            try:
                self.meaning(node)
            except MistakesError as error:
                for mistake in error.mistakes:
                    yield mistake.below(("node", at))
