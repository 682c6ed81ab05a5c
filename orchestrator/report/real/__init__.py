"""The part of a report that sets synthetic images beside real ones."""
