"""The records: tables, the database that holds them, and how its form goes from version to version."""
