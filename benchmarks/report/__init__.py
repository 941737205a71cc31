"""The tables of docs/results.md, made from the JSON files in benchmarks/results."""
