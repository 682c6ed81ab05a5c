"""A step that does nothing, to see what everything round the steps costs."""

from scene.steps.base import RenderingStep
from scene.steps.context import StepContext


class Nothing(RenderingStep):
    """Does nothing."""

    def execute(self, context: StepContext) -> None:
        """Do nothing."""
