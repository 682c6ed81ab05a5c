"""A step that does nothing, to see what everything round the steps costs."""

from blendsweep.plugins import RenderingStep, StepContext


class Nothing(RenderingStep):
    """Does nothing."""

    def execute(self, context: StepContext) -> None:
        """Do nothing."""
