"""What all rooms stand on: error sentences, files, locks, signals, random numbers, processors, GPUs and energy."""
