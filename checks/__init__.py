"""The house rules that no tool knows, each a function from files to findings, and the tools beside them."""
