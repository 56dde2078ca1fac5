"""The method: losses, updates, and the student that they train."""
