"""From a trial's signals to numbers: one reading a measure and repetition, each with its 95 % interval."""
