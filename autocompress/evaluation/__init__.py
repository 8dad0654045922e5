"""One trial: cut, compile, measure."""
