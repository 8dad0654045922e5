"""What is paid once before the search: data, teacher, transfer set, super-networks."""
