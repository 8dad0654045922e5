"""What a teacher may become: a record per student type, its dimensions, its network and its graph."""
