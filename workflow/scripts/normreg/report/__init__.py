"""The report: a module for each item, with its table, page, figure and `make(job)`. `registry` lists them."""
