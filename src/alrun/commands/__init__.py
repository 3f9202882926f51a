"""What a person types: alrun, and its subcommands."""
