"""Numbers to tables, figures and one HTML page. Nothing here infers anything."""
