"""Part 2: transformers, pre-trained once and adapted many times."""
