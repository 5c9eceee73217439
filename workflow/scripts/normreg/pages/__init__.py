"""Tables of the report as HTML pages. No figures, no statistics of their own."""
