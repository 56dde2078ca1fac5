"""Records of runs -> tables, figures and pages."""
