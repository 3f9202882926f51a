"""Scripts that make calls: installation, the record of results, the list of packages."""
