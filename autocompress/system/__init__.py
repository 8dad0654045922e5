"""What any program needs: errors, files that are whole or not there, JSON, units, processes, events."""
