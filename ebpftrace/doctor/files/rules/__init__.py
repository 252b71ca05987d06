"""One subject of advice each: statements in, problems out."""
