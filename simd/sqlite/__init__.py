"""Small databases in files of SQLite: opened, brought up to date, looked at and repaired."""
