"""Records: tables whose rows are things (branches, products, prices), asked about by attribute."""
