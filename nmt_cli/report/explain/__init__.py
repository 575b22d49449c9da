"""Following one translation step by step: `record` gathers the numbers, `render` prints them."""
