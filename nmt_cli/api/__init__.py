"""The three verbs for a program: translate a stream, translate in bulk; above `report/`, below `cli/`."""
