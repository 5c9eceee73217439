"""The files about a study: the table of all of them, and what a job makes them of."""
