"""Names of controls, for those who plan them, without the import of pandas."""

WIDTH, PATIENCE, RATE = "width x2", "patience x2", "rate /2"
WORDS = {WIDTH: "twice the width", PATIENCE: "twice the patience", RATE: "half the rate"}
