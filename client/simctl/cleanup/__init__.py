"""Cleaning up copies in the client, with the person's rights: a plan is written, read by a person, applied and undone.

The words: a *plan* is a file that says what of each group stays, what goes and what is carried over. A *step* is the
smallest change of the disk or of the labels that is made or taken back as one. The *undo log* names every step before
it is made. docs/cleaning-up.md has both formats and what is guaranteed when.
"""
