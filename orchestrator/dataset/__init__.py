"""The data set on disk or in an object store: its layout, its tables, its one reader."""
