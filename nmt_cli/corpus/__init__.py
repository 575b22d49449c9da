"""Text in: reading, cleaning, tokenizer, Arrow store, batching."""
