"""The page of `nmt report` and `nmt eval --html`: what it shows of a model and of an evaluation, and its drawing."""
