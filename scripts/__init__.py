"""What make calls: installation and the record of results."""
