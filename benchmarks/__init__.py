"""Long runs that make files of the project; each is run as a module, and nothing imports them."""
