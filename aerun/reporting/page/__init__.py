"""Self-contained pages: one file that opens from disk, without network."""
