"""A step that does nothing, to see what everything round the steps costs."""

from scene.steps.base import RenderingStep, StepContext


class Nothing(RenderingStep):
    """Does nothing."""

    def execute(self, context: StepContext) -> None:
        """Do nothing."""
