"""Every type that crosses the network. Validation, codecs, OpenAPI and AsyncAPI all come from here."""
