"""The contract that every strategy keeps, and made queries to test a strategy with."""
