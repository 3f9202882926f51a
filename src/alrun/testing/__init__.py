"""The contract that every strategy keeps, and made-up queries to test a strategy."""
