"""The model folder on disk: written atomically, verified, no code inside."""
