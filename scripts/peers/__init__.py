"""Other compression tools, each in an environment of its own, measured as this project measures itself."""
