"""Part 1: recurrent networks, and the first language models that were carried over."""
