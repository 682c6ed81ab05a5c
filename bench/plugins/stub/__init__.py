"""A step that does nothing, to see what everything round the steps costs."""

from scene.execution.state import RuntimeState
from scene.steps.base import RenderingStep


class Nothing(RenderingStep):
    """Does nothing."""

    def execute(self, state: RuntimeState) -> None:
        """Do nothing."""
