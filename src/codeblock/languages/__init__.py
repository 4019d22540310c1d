"""Language packs: data, and the one loader that reads them."""
