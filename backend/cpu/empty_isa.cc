// Common includes of per-ISA files.
