"""A module that cannot be imported; its error has two lines."""

raise RuntimeError("there is no database\nat all")
