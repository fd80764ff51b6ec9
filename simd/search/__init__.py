"""(snapshot, query vector) -> hits: shortlist over the codes, exact re-rank over the vectors."""
