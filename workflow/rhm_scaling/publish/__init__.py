"""A finished study outside the project: archives, their checks, loading into notebooks."""
