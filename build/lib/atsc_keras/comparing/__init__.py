"""The job `compare`: many methods, one teacher, one student."""
