"""How well memory is judged: labelled recordings of real programs, and rules scored on them."""
