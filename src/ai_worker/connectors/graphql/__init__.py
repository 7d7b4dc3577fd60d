"""GraphQL: queries are read with, mutations act; the fields that come back are chosen here."""
