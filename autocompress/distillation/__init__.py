"""Training: the teacher, its cached outputs, a super-network per student type, and refining of single points."""
